import { describe, expect, it } from "vitest";
import { parseUpdateRequest, type UpdateLimits } from "../../../../agent/update/validate-request.ts";

const hex = "AB".repeat(32);
const good = { fwPackageUri: "https://images.example/board.img", fwPackageCheckValue: hex };
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

describe("a version alone", () => {
  const repository = "https://images.example/repository";
  const trusting: UpdateLimits = { ...board, trust: "signed", repository };
  const request = { fwVersion: "2.0.0" };

  it("is enough on a board with a trust root and a repository: the rest is found later", () => {
    expect(parseUpdateRequest(request, "method", trusting, "new-1")).toStrictEqual({
      ok: true,
      value: {
        callerGaveId: false,
        job: {
          operationId: "new-1",
          origin: "method",
          version: "2.0.0",
          uri: "repository:",
          sha256: null,
          sizeBytes: null,
          apply: "now",
          rehearsal: false,
          unresolved: true,
        },
      },
    });
  });

  it.each<[why: string, limits: UpdateLimits, code: string, part: string]>([
    ["no repository", { ...trusting, repository: null }, "bad-request", "set update.repository"],
    ["no trust root, and digests count", { ...board, repository }, "bad-request", "sudo boardkeeper-agent trust add"],
    ["no trust root, simulated", { ...laptop, repository }, "bad-request", "trust add root.json --simulate"],
  ])("is refused with what to type: %s", (_why, limits, code, part) => {
    expect(parseUpdateRequest(request, "method", limits, "new-1")).toMatchObject({
      ok: false,
      error: { code, message: expect.stringContaining(part) },
    });
  });

  it.each([
    { ...request, fwPackageCheckValue: hex },
    { ...request, mirrors: ["https://images.example/board.img"] },
    { fwPackageSize: 5 },
  ])("is not %j: the address is missing", (payload) => {
    expect(parseUpdateRequest(payload, "method", trusting, "new-1")).toMatchObject({
      ok: false,
      error: { message: "Bad request: fwPackageUri: missing; give the image's address." },
    });
  });

  it("may be applied by hand, and has a lease and an id, as any request", () => {
    const more = { apply: "manual", startBy: "2030-01-31T04:00:00Z", operationId: "op-1" };
    expect(parseUpdateRequest({ ...request, ...more }, "desired", trusting, "new-1")).toMatchObject({
      value: {
        callerGaveId: true,
        job: { apply: "manual", startBy: "2030-01-31T04:00:00.000Z", operationId: "op-1", origin: "desired" },
      },
    });
  });
});

describe("a request with address and digest", () => {
  const jobOn = (limits: UpdateLimits): unknown => {
    const parsed = parseUpdateRequest(good, "method", limits, "new-1");
    return parsed.ok ? parsed.value.job : parsed.error.code;
  };

  it("waits for its signed target on a board with a trust root, whether there is a repository or not", () => {
    expect(jobOn({ ...board, trust: "signed" })).toMatchObject({ unresolved: true, uri: good.fwPackageUri });
    expect(jobOn({ ...board, trust: "signed", repository: "https://images.example/repository" })).toMatchObject({
      unresolved: true,
      uri: good.fwPackageUri,
    });
  });

  it("needs none where digests count", () => {
    expect(jobOn(board)).not.toHaveProperty("unresolved");
  });

  it("waits for it where nobody is trusted too: it is refused when it is decided", () => {
    expect(jobOn({ ...board, trust: "nothing" })).toMatchObject({ unresolved: true });
  });

  it("cannot name the repository in place of an address", () => {
    const payload = { ...good, fwPackageUri: "repository:" };
    const parsed = parseUpdateRequest(payload, "method", { ...board, trust: "signed" }, "new-1");
    expect(parsed).toMatchObject({ ok: false, error: { code: "bad-address" } });
  });

  it("is a dry run without a digest on a simulated board, whom it trusts or not", () => {
    const payload = { fwPackageUri: "https://images.example/", fwPackageCheckValue: "123456abcde" };
    for (const trust of ["signed", "digest", "nothing"] as const) {
      const parsed = parseUpdateRequest(payload, "method", { ...laptop, trust }, "new-1");
      expect(parsed).toMatchObject({ ok: true, value: { job: { rehearsal: true } } });
      expect(JSON.stringify(parsed)).not.toContain("unresolved");
    }
  });
});
