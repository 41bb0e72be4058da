import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { canonicalJson } from "../../../../agent/trust/canonical-json.ts";
import type { MetadataSource } from "../../../../agent/trust/ports.ts";
import { byDepth } from "../../../support/depth.ts";
import { secondPublication, TrustingBoard } from "../../../support/trusting-board.ts";
import {
  daysLater,
  testEcdsaKey,
  testKey,
  TufRepository,
  usualKeys,
  wallClock,
  working,
} from "../../../support/tuf-repository.ts";

const name = "acme,gateway";
const other = testKey("somebody else's");

const files = ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "2.acme,gateway.json"];
const roles = ["root", "timestamp", "snapshot", "targets", name];

describe("a board", () => {
  it("reads what is newer, in the order of TUF, and keeps it", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.versions).toStrictEqual(["1.0.0"]);
    expect(board.trusted).toMatchObject({ rootVersion: 1, rootExpires: "2037-03-01T12:00:00.000Z", staleness: null });
    expect(board.stored).toStrictEqual(repository.stored());
    expect(board.record).toStrictEqual({ floor: 0, issued: "2027-03-01T12:00:00Z" });
    expect(repository.reads).toStrictEqual([
      "2.root.json",
      "timestamp.json",
      "1.snapshot.json",
      "1.targets.json",
      "1.acme,gateway.json",
    ]);
  });

  it("reads two small files where nothing is new", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    await board.refresh(repository);
    repository.reads.length = 0;
    expect(await board.refresh(repository)).toBe("ok");
    expect(repository.reads).toStrictEqual(["2.root.json", "timestamp.json"]);
    expect(board.versions).toStrictEqual(["1.0.0"]);
  });

  it("takes a new version of every file, and says the same when it asks nobody", async () => {
    const { board, repository } = await secondPublication();
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.versions).toStrictEqual(["2.0.0"]);
    expect(board.stored).toStrictEqual(repository.stored());
    const { trusted } = board;
    expect(board.load()).toBe("ok");
    expect(board.trusted).toStrictEqual(trusted);
  });

  it("takes the roles of all its names, and of no other", async () => {
    const repository = new TufRepository({
      boards: { "acme,gateway": ["1.0.0"], "acme,base": ["1.1.0"], other: ["9.0.0"] },
    });
    const board = new TrustingBoard(repository.seed());
    board.boards = ["acme,gateway-rev2", "acme,gateway", "acme,base", "acme,gateway"];
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.versions).toStrictEqual(["1.0.0", "1.1.0"]);
    expect(repository.reads).not.toContain("1.other.json");
  });

  it("without a name of its own trusts no image, and is not stuck", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    board.boards = [];
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.versions).toStrictEqual([]);
  });

  it("trusts keys of ECDSA on P-256, as external signers have them", async () => {
    const role = { keys: [testEcdsaKey(), testEcdsaKey("ecdsa-sha2-nistp256")], threshold: 2 };
    const repository = new TufRepository({
      keys: { root: role, targets: role, snapshot: role, timestamp: role, boards: role },
    });
    expect(await new TrustingBoard(repository.seed()).refresh(repository)).toBe("ok");
  });

  it("keeps nothing of a refresh that is aborted, and passes the reason on", async () => {
    const { board, repository } = await secondPublication();
    const { stored } = board;
    await expect(board.refresh(repository, AbortSignal.abort(new Error("the agent stops")))).rejects.toThrow(
      "the agent stops",
    );
    expect(board.stored).toBe(stored);
  });
});

/** What an attacker does to the second version of one file. */
const damages: readonly (readonly [
  what: string,
  damage: (bytes: Uint8Array, repository: TufRepository) => Uint8Array,
  codes: readonly string[],
])[] = [
  // What the timestamp and the snapshot list by digest is another file before it is anything else.
  [
    "has a flipped bit",
    (bytes) => flipped(bytes, bytes.length - 40, 1),
    ["signature", "signature", "mismatch", "mismatch", "mismatch"],
  ],
  [
    "is cut short",
    (bytes) => bytes.subarray(0, bytes.length / 2),
    ["invalid", "invalid", "mismatch", "mismatch", "mismatch"],
  ],
  ["is empty", () => new Uint8Array(), ["invalid", "invalid", "mismatch", "mismatch", "mismatch"]],
  [
    "is endless",
    () => new Uint8Array(65_537).fill(0x20),
    ["too-large", "too-large", "too-large", "too-large", "too-large"],
  ],
  [
    "is a page of a web server",
    () => Buffer.from("<html>502</html>"),
    ["invalid", "invalid", "mismatch", "mismatch", "mismatch"],
  ],
  [
    "is that of another role",
    (_, { files: all }) => all.get("1.snapshot.json") ?? new Uint8Array(),
    ["invalid", "invalid", "mismatch", "mismatch", "mismatch"],
  ],
];

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ (1 << bit) : byte));
}

describe.each(damages)("a metadata file that %s is refused, and nothing of it is kept", (_what, damage, codes) => {
  it.each(files.map((file, at) => [file, `metadata-${codes[at]}`] as const))("%s: %s", async (file, code) => {
    const { board, repository } = await secondPublication();
    const { stored, record } = board;
    repository.files.set(file, damage(repository.file(file), repository));
    expect(await board.refresh(repository)).toBe(code);
    expect(board.error?.message).toContain(file);
    // The second root is whole, where it is not the one that was changed.
    const root = file === "2.root.json" ? stored.root : repository.file("2.root.json");
    expect(board.stored).toStrictEqual({ ...stored, root });
    expect(board.record).toBe(record);
    expect(board.load()).toBe("ok");
    expect(board.versions).toStrictEqual(["1.0.0"]);
  });
});

it.each(files)("%s: no flipped bit makes it say something else", async (file) => {
  const { board, repository } = await secondPublication();
  const { stored, record } = board;
  const whole = repository.file(file);
  const said = signedPart(whole);
  const changed: string[] = [];
  for (let at = 0; at < whole.length * 8; at += byDepth(389, 1)) {
    repository.files.set(file, flipped(whole, at >> 3, at & 7));
    board.stored = stored;
    board.record = record;
    // A bit in one of two signatures leaves the other one; a bit in a name of a field that TUF leaves open changes nothing.
    const isTrusted = (await board.refresh(repository)) === "ok";
    if (isTrusted && signedPart(repository.file(file)) !== said) changed.push(`bit ${at}`);
  }
  expect(changed).toStrictEqual([]);
});

function signedPart(bytes: Uint8Array): string {
  return canonicalJson((JSON.parse(Buffer.from(bytes).toString()) as { readonly signed: unknown }).signed);
}

describe("a file that the repository lacks", () => {
  it.each([
    ["2.root.json", "ok"],
    ["timestamp.json", "metadata-missing"],
    ["2.snapshot.json", "metadata-missing"],
    ["2.targets.json", "metadata-missing"],
    ["2.acme,gateway.json", "metadata-missing"],
  ])("%s: %s", async (file, result) => {
    const { board, repository } = await secondPublication();
    repository.files.delete(file);
    expect(await board.refresh(repository)).toBe(result);
  });
});

describe("a file that another key has signed", () => {
  it.each(roles)("%s: metadata-signature, although all digests are right", async (role) => {
    const { board, repository } = await secondPublication({ signWith: { [role]: [other] } });
    expect(await board.refresh(repository)).toBe("metadata-signature");
    expect(board.load()).toBe("ok");
  });

  it.each(roles)("%s: metadata-signature, with half of a threshold of two", async (role) => {
    const two = { keys: [working, other], threshold: 2 };
    const keys = { ...usualKeys, targets: two, snapshot: two, timestamp: two, boards: two, root: two };
    const repository = new TufRepository({ keys });
    const board = new TrustingBoard(repository.seed());
    expect(await board.refresh(repository)).toBe("ok");
    const changes = { signWith: { [role]: [working] } };
    repository.writeRoot({}, undefined, changes);
    repository.publish(daysLater(1), changes);
    expect(await board.refresh(repository)).toBe("metadata-signature");
  });
});

describe("what a source does", () => {
  it.each(files)("%s: its error is the error, and what was verified before is kept", async (file) => {
    const { board, repository } = await secondPublication();
    const { stored } = board;
    const failing: MetadataSource = {
      read: (one) =>
        one === file ? Promise.reject(new AgentError("unreachable", "No network.")) : repository.read(one),
    };
    expect(await board.refresh(failing)).toBe("unreachable");
    expect(board.stored.root).toBe(file === "2.root.json" ? stored.root : repository.file("2.root.json"));
    expect(board.stored.timestamp).toBe(stored.timestamp);
  });

  it("an error without a code is a fault, and passes through", async () => {
    const { board } = await secondPublication();
    await expect(board.refresh({ read: () => Promise.reject(new TypeError("a fault")) })).rejects.toThrow("a fault");
  });

  it("is asked for at most 64 KiB a file", async () => {
    const { board, repository } = await secondPublication();
    const asked = new Set<number>();
    await board.refresh({ read: (file, maxBytes) => (asked.add(maxBytes), repository.read(file)) });
    expect([...asked]).toStrictEqual([65_536]);
  });
});

it("a damaged file of the store is read again", async () => {
  const repository = new TufRepository();
  const board = new TrustingBoard(repository.seed());
  await board.refresh(repository);
  const { stored } = board;
  const half = (bytes: Uint8Array | undefined) => bytes?.subarray(0, 100);
  const roleFiles = new Map([...stored.roles].map(([role, bytes]) => [role, bytes.subarray(0, 100)]));
  board.stored = {
    root: stored.root,
    timestamp: half(stored.timestamp),
    snapshot: half(stored.snapshot),
    targets: half(stored.targets),
    roles: roleFiles,
  };
  board.clock = wallClock(daysLater(1));
  expect(await board.refresh(repository)).toBe("ok");
  expect(board.stored).toStrictEqual(stored);
});
