import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { parseTime, readTimestamp } from "../../../../agent/trust/metadata-file.ts";
import { secondPublication } from "../../../support/trusting-board.ts";
import { put, signedFile, TufRepository, working, type Signed } from "../../../support/tuf-repository.ts";

const name = "acme,gateway";

/* Whatever is signed here is signed by the right key: only its form is wrong. */

describe("metadata that is not of the form that it must have: metadata-invalid", () => {
  const nested = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`);
  const wrong: readonly (readonly [what: string, path: readonly string[], value: unknown])[] = [
    ["another type", ["_type"], "mirrors"],
    ["no type", ["_type"], undefined],
    ["no version", ["version"], undefined],
    ["version 0", ["version"], 0],
    ["a negative version", ["version"], -1],
    ["a version as text", ["version"], "2"],
    ["half a version", ["version"], 1.5],
    ["a version that JavaScript cannot hold", ["version"], 2 ** 53],
    ["a version that is no number", ["version"], null],
    ["the next version of TUF", ["spec_version"], "2.0.0"],
    ["no version of TUF", ["spec_version"], undefined],
    ["a version of TUF that is none", ["spec_version"], "1.x"],
    ["no date of expiry", ["expires"], undefined],
    ["a date of expiry that is none", ["expires"], "never"],
    ["a date that does not exist", ["expires"], "2028-02-30T00:00:00Z"],
    ["a date without a time", ["expires"], "2028-02-28"],
    ["a date in another time zone", ["expires"], "2028-02-28T00:00:00+01:00"],
    ["a date as a number", ["expires"], 1_900_000_000],
    ["something nested 20 levels deep", ["x-more"], nested(20)],
    ["something nested 2000 levels deep", ["x-more"], nested(2_000)],
    ["a fraction somewhere", ["x-more"], [0.1]],
    ["half of a character somewhere", ["x-more"], "\ud800"],
  ];
  const roles = ["root", "timestamp", "snapshot", "targets", name];
  it.each(roles.flatMap((role) => wrong.map(([what, path, value]) => ({ role, what, path, value }))))(
    "$role: $what",
    async ({ role, path, value }) => {
      const { board, repository } = await secondPublication({ edit: { [role]: put(path, value) } });
      expect(await board.refresh(repository)).toBe("metadata-invalid");
      expect(board.load()).toBe("ok");
    },
  );

  it.each([
    ["root", ["keys"]],
    ["root", ["roles"]],
    ["root", ["roles", "timestamp"]],
    ["root", ["roles", "root", "threshold"]],
    ["root", ["consistent_snapshot"]],
    ["timestamp", ["meta"]],
    ["timestamp", ["meta", "snapshot.json"]],
    ["snapshot", ["meta"]],
    ["targets", ["targets"]],
    [name, ["targets"]],
  ] as const)("%s without %j", async (role, path) => {
    const { board, repository } = await secondPublication({ edit: { [role]: put(path, undefined) } });
    expect(await board.refresh(repository)).toBe("metadata-invalid");
  });

  it.each([
    ["root", ["roles", "root", "threshold"], 0],
    ["root", ["roles", "root", "keyids"], [working.id, working.id]],
    ["root", ["roles", "root", "keyids"], "all"],
    ["root", ["keys", working.id, "keyval"], "public"],
    ["timestamp", ["meta", "snapshot.json"], 1],
    ["timestamp", ["meta", "snapshot.json", "version"], 0],
    ["timestamp", ["meta", "snapshot.json", "length"], -1],
    ["timestamp", ["meta", "snapshot.json", "hashes"], "sha256"],
    ["snapshot", ["meta", "targets.json"], null],
    ["targets", ["delegations", "roles"], {}],
    ["targets", ["delegations", "keys"], undefined],
    ["targets", ["delegations"], 1],
    [name, ["targets"], []],
    [name, ["targets"], { [`${name}/a`]: 1 }],
  ] as const)("%s with %j = %j", async (role, path, value) => {
    const { board, repository } = await secondPublication({ edit: { [role]: put(path, value) } });
    expect(await board.refresh(repository)).toBe("metadata-invalid");
  });
});

describe("names that JavaScript has a use for are names like others", () => {
  it.each(["root", "timestamp", "snapshot", "targets"])("%s", async (role) => {
    const { board, repository } = await secondPublication({
      edit: { [role]: put(["__proto__"], { version: 9, polluted: true }) },
    });
    expect(await board.refresh(repository)).toBe("ok");
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it.each([
    ["root", ["keys", "__proto__"]],
    ["root", ["roles", "__proto__"]],
    ["snapshot", ["meta", "__proto__"]],
    ["targets", ["delegations", "keys", "__proto__"]],
    [name, ["targets", "__proto__"]],
  ] as const)("%s with %j of a wrong form: metadata-invalid", async (role, path) => {
    const { board, repository } = await secondPublication({ edit: { [role]: put(path, { polluted: true }) } });
    expect(await board.refresh(repository)).toBe("metadata-invalid");
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it.each(["__proto__", "constructor", "toString"])("a key id %s in signatures and roles is no key", async (id) => {
    const { board, repository } = await secondPublication({
      edit: { root: put(["roles", "timestamp", "keyids"], [id]) },
    });
    expect(await board.refresh(repository)).toBe("metadata-signature");
  });
});

describe("the file around what is signed", () => {
  const signed = (): Signed => {
    const file = Buffer.from(new TufRepository().file("timestamp.json")).toString();
    return (JSON.parse(file) as { readonly signed: Signed }).signed;
  };
  const code = (text: string | Uint8Array): string => {
    try {
      readTimestamp("timestamp.json", Buffer.from(text));
      return "read";
    } catch (error) {
      return error instanceof AgentError ? error.code : String(error);
    }
  };
  const text = (signatures: unknown): string => JSON.stringify({ signatures, signed: signed() });

  it.each<[string, () => string | Uint8Array, string]>([
    ["is read", () => Buffer.from(signedFile(signed(), [working])), "read"],
    ["may lack all signatures: those are counted later", () => text([]), "read"],
    [
      "is not nested 30000 levels deep",
      () => text([]).replace('"_type"', `"x":${"[".repeat(30_000)}${"]".repeat(30_000)},"_type"`),
      "metadata-invalid",
    ],
    ["is no array", () => `[${text([])}]`, "metadata-invalid"],
    ["is not null", () => "null", "metadata-invalid"],
    ["has a signed part", () => `{"signatures":[]}`, "metadata-invalid"],
    ["has signatures", () => JSON.stringify({ signed: signed() }), "metadata-invalid"],
    ["has a list of signatures", () => text({}), "metadata-invalid"],
    ["has signatures of text", () => text([{ keyid: 1, sig: 2 }]), "metadata-invalid"],
    ["has one signature of a key", () => text([1, 2].map(() => ({ keyid: "a", sig: "" }))), "metadata-invalid"],
    ["has no key of the name of a prototype", () => text([{ keyid: "__proto__", sig: "" }]), "metadata-invalid"],
    ["is UTF-8", () => Buffer.concat([Buffer.from([0xff]), Buffer.from(text([]))]), "metadata-invalid"],
    ["has no byte order mark", () => `\ufeff${text([])}`, "metadata-invalid"],
    ["may have 65536 bytes", () => text([]).padEnd(65_536), "read"],
    ["has no more", () => text([]).padEnd(65_537), "metadata-too-large"],
  ])("%s", (_what, make, expected) => {
    expect(code(make())).toBe(expected);
  });
});

it.each([
  ["2027-03-01T12:00:00Z", Date.UTC(2027, 2, 1, 12)],
  ["2027-03-01T12:00:00.5Z", Date.UTC(2027, 2, 1, 12, 0, 0, 500)],
  ["2027-02-29T12:00:00Z", undefined],
  ["2027-03-01T24:00:00Z", undefined],
  ["2027-03-01T12:60:00Z", undefined],
  ["2027-13-01T12:00:00Z", undefined],
  ["2027-03-01T12:00:00", undefined],
  ["2027-03-01T12:00:00Z ", undefined],
  ["", undefined],
  [null, undefined],
])("the time %j is %j", (text, expected) => {
  expect(parseTime(text)).toBe(expected);
});
