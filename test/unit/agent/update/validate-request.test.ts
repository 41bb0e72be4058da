import { describe, expect, it } from "vitest";
import { parseUpdateRequest, type UpdateLimits } from "../../../../agent/update/validate-request.ts";

const hex = "AB".repeat(32);
const board: UpdateLimits = {
  simulated: false,
  canInstall: true,
  allowHttp: false,
  windowConfigured: false,
  maxImageBytes: 1_000_000,
  trust: "digest",
  repository: null,
};
const laptop: UpdateLimits = { ...board, simulated: true };
const good = { fwPackageUri: "https://images.example/board.img", fwPackageCheckValue: hex };

describe("a request that a board carries out", () => {
  it("becomes a job with the defaults of the contract", () => {
    expect(parseUpdateRequest(good, "method", board, "new-1")).toStrictEqual({
      ok: true,
      value: {
        callerGaveId: false,
        job: {
          operationId: "new-1",
          origin: "method",
          version: "sha256:abababababab",
          uri: "https://images.example/board.img",
          sha256: hex.toLowerCase(),
          sizeBytes: null,
          apply: "now",
          rehearsal: false,
        },
      },
    });
  });

  it("keeps what the caller says", () => {
    const more = { fwVersion: "2.0.0", fwPackageSize: 5, apply: "manual", operationId: "op-1" };
    const parsed = parseUpdateRequest(
      { ...good, ...more, fwPackageCheckValue: `sha256:${hex}` },
      "desired",
      board,
      "new-1",
    );
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        callerGaveId: true,
        job: {
          operationId: "op-1",
          origin: "desired",
          version: "2.0.0",
          sizeBytes: 5,
          apply: "manual",
          sha256: hex.toLowerCase(),
        },
      },
    });
  });

  it("keeps by when it must begin, in UTC", () => {
    const parsed = parseUpdateRequest({ ...good, startBy: "2030-01-31T05:00+01:00" }, "method", board, "new-1");
    expect(parsed).toMatchObject({ value: { job: { startBy: "2030-01-31T04:00:00.000Z" } } });
    const dryRun = parseUpdateRequest({ fwPackageUri: "x", startBy: "2030-01-31T04:00Z" }, "method", laptop, "new-1");
    expect(dryRun).toMatchObject({ value: { job: { rehearsal: true, startBy: "2030-01-31T04:00:00.000Z" } } });
  });

  it("may come over http where the owner allows it", () => {
    expect(
      parseUpdateRequest({ ...good, fwPackageUri: "http://a/b" }, "method", { ...board, allowHttp: true }, "n").ok,
    ).toBe(true);
  });

  it("may come from a file where the board itself is asked, and over nothing else then", () => {
    const local = { ...board, allowFileUri: true };
    const from = (fwPackageUri: string): boolean =>
      parseUpdateRequest({ ...good, fwPackageUri }, "method", local, "n").ok;
    expect(from("file:///media/stick/board.img")).toBe(true);
    expect(from("ftp://a/b")).toBe(false);
  });

  it("may be as large as the board accepts", () => {
    expect(parseUpdateRequest({ ...good, fwPackageSize: board.maxImageBytes }, "method", board, "n").ok).toBe(true);
  });

  it("may name mirrors", () => {
    const mirrors = ["https://b/x", "https://c/x?sig=1", "https://d/x", "https://e/x"];
    expect(parseUpdateRequest({ ...good, mirrors }, "method", board, "n")).toMatchObject({
      ok: true,
      value: { job: { mirrors } },
    });
    const none = parseUpdateRequest({ ...good, mirrors: [] }, "method", board, "n");
    expect(none.ok && none.value.job).not.toHaveProperty("mirrors");
  });

  it.each<[what: string, mirrors: unknown, problem: string]>([
    [
      "are too many",
      ["https://a", "https://b", "https://c", "https://d", "https://e"],
      "mirrors: expected a list of at most 4",
    ],
    ["are no list", "https://a", "mirrors: expected a list of at most 4"],
    ["are no addresses", ["https://a", 7], "mirrors.1: expected a URI of 1 to 2048"],
    ["have no host", ["https://a", "/x"], "mirrors.1: expected an https:// address"],
    ["are plain http", ["http://a/x?sig=secret"], "mirrors.0: http addresses are not allowed"],
  ])("is refused when its mirrors %s", (_what, mirrors, problem) => {
    const parsed = parseUpdateRequest({ ...good, mirrors }, "method", board, "n");
    expect(parsed).toMatchObject({ ok: false, error: { status: 400, message: expect.stringContaining(problem) } });
    expect(JSON.stringify(parsed)).not.toContain("secret");
  });

  it("may name its window where there is one", () => {
    expect(
      parseUpdateRequest({ ...good, apply: "window" }, "method", { ...board, windowConfigured: true }, "n").ok,
    ).toBe(true);
  });
});

describe("a request that is refused", () => {
  it.each<[string, unknown, Partial<UpdateLimits>, string, string]>([
    ["without an address", { fwPackageCheckValue: hex }, {}, "bad-request", "fwPackageUri: missing"],
    [
      "with two addresses",
      { ...good, fwPackageURI: "https://other/" },
      {},
      "bad-request",
      "fwPackageUri, fwPackageURI",
    ],
    [
      "without a digest",
      { fwPackageUri: "https://a/b" },
      {},
      "bad-request",
      "fwPackageCheckValue: expected the image's SHA-256",
    ],
    ["with nothing for a digest", { fwPackageUri: "https://a/b" }, {}, "bad-request", "got nothing"],
    ["with a digest and more", { ...good, fwPackageCheckValue: `${hex}0` }, {}, "bad-request", "64 hex digits"],
    [
      "with a digest of another kind",
      { ...good, fwPackageCheckValue: `md5:${hex}` },
      {},
      "bad-request",
      "64 hex digits",
    ],
    ["with another digest", { ...good, fwPackageCheckValue: "123456abcde" }, {}, "bad-request", 'got "123456abcde"'],
    [
      "over plain http",
      { ...good, fwPackageUri: "http://a/b" },
      {},
      "insecure-address",
      "http addresses are not allowed",
    ],
    [
      "from a file, where plain http is allowed",
      { ...good, fwPackageUri: "file:///etc/passwd" },
      { allowHttp: true },
      "bad-address",
      "expected an https:// address",
    ],
    [
      "from a file, where that is said not to be allowed",
      { ...good, fwPackageUri: "file:///etc/passwd" },
      { allowFileUri: false },
      "bad-address",
      "expected an https:// address",
    ],
    ["from a file", { ...good, fwPackageUri: "file:///etc/passwd" }, {}, "bad-address", "expected an https:// address"],
    [
      "from no address at all",
      { ...good, fwPackageUri: "test.com" },
      {},
      "bad-address",
      "expected an https:// address",
    ],
    ["too large", { ...good, fwPackageSize: 2_000_000 }, {}, "image-too-large", "2000000 bytes is more than"],
    ["in a window that is not there", { ...good, apply: "window" }, {}, "window-missing", "no maintenance window"],
    [
      "with a manifest to check",
      { ...good, fwManifestUri: "https://a/m" },
      {},
      "manifest-unsupported",
      "fwManifestUri",
    ],
    ["without an installer", good, { canInstall: false }, "no-installer", "update.installer"],
    ["as a number", 7, {}, "bad-request", "payload: expected an object"],
  ])("%s", (_what, payload, terms, code, words) => {
    const parsed = parseUpdateRequest(payload, "method", { ...board, ...terms }, "n");
    expect(parsed).toMatchObject({ ok: false, error: { status: 400, code } });
    expect(parsed.ok ? "" : parsed.error.message).toContain(words);
  });
});

it.each<[string, object]>([
  ["fwPackageCheckValue", { ...good, fwPackageCheckValue: "https://x/y?sig=SECRET" }],
  ["fwPackageCheckValue, too long", { ...good, fwPackageCheckValue: `https://x/y?a=${"SECRET".repeat(60)}` }],
  ["fwVersion", { ...good, fwVersion: "https://x/y?se=1&token=SECRET" }],
  ["apply", { ...good, apply: "https://me:SECRET@x/y" }],
  ["operationId", { ...good, operationId: "SharedAccessSignature sr=x&sig=SECRET" }],
  ["fwPackageSize", { ...good, fwPackageSize: "https://x/y?SECRET" }],
])("a refusal over %s repeats no secret, by method or by document", (_what, payload) => {
  for (const origin of ["method", "desired"] as const) {
    const parsed = parseUpdateRequest(payload, origin, board, "n");
    expect(parsed).toMatchObject({ ok: false, error: { code: "bad-request" } });
    expect(JSON.stringify(parsed)).not.toContain("SECRET");
    expect(JSON.stringify(parsed)).toContain("[secret]");
  }
});

describe("a rehearsal", () => {
  it.each<[string, unknown]>([
    ["the seed tutorial's payload", { fwPackageUri: "test.com" }],
    [
      "Microsoft's firmware sample",
      { fwPackageURI: "https://secureuri/package.bin", fwPackageCheckValue: "123456abcde", fwVersion: "2.8.5" },
    ],
    ["plain http", { fwPackageUri: "http://a/b" }],
  ])("%s, on a laptop only", (_what, payload) => {
    expect(parseUpdateRequest(payload, "method", laptop, "n")).toMatchObject({
      ok: true,
      value: { job: { rehearsal: true, sha256: null } },
    });
    expect(parseUpdateRequest(payload, "method", board, "n").ok).toBe(false);
  });

  it("is not what a good digest asks for, on a laptop either", () => {
    expect(parseUpdateRequest(good, "method", laptop, "n")).toMatchObject({
      ok: true,
      value: { job: { rehearsal: false } },
    });
  });
});

describe("a check value in another notation", () => {
  const base64 = Buffer.from(hex, "hex").toString("base64");
  it.each([`${hex}  board.img\n`, `sha256-${base64}`, base64, `0x${hex}`])("%j is read, on a laptop too", (sent) => {
    for (const limits of [board, laptop]) {
      expect(parseUpdateRequest({ ...good, fwPackageCheckValue: sent }, "method", limits, "n")).toMatchObject({
        ok: true,
        value: { job: { sha256: hex.toLowerCase(), rehearsal: false } },
      });
    }
  });

  it.each([
    ["ab".repeat(16), "an MD5 in hex"],
    [hex.slice(1), "63 hex digits"],
    [`sha512:${hex}${hex}`, "a digest of the kind sha512"],
  ])("%s is refused, and never a dry run", (sent, name) => {
    for (const limits of [board, laptop]) {
      expect(parseUpdateRequest({ ...good, fwPackageCheckValue: sent }, "desired", limits, "n")).toMatchObject({
        ok: false,
        error: { code: "bad-request", message: expect.stringContaining(`got ${name}: "${sent.slice(0, 20)}`) },
      });
    }
  });
});
