import { describe, expect, it } from "vitest";
import {
  ConnectionError,
  isTransient,
  classifyError,
  classifyStatus,
  type ConnectionErrorKind,
} from "../../../../agent/hub/connection-error.ts";

describe("the error behind what the SDK throws", () => {
  const withCode = (code: string | number, message = "x"): Error => Object.assign(new Error(message), { code });
  it.each<[string, unknown, ConnectionErrorKind]>([
    ["ECONNREFUSED", withCode("ECONNREFUSED"), "unreachable"],
    ["ENOTFOUND", withCode("ENOTFOUND"), "no-network"],
    ["ENETUNREACH", withCode("ENETUNREACH"), "no-network"],
    ["a certificate from the future", withCode("CERT_NOT_YET_VALID"), "certificate-time"],
    ["an expired certificate", withCode("CERT_HAS_EXPIRED"), "certificate-time"],
    ["an unknown authority", withCode("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "untrusted"],
    ["a self-signed certificate", withCode("SELF_SIGNED_CERT_IN_CHAIN"), "untrusted"],
    ["another name", withCode("ERR_TLS_CERT_ALTNAME_INVALID"), "untrusted"],
    ["CONNACK 5", withCode(5, "Connection refused: Not authorized"), "refused"],
    ["CONNACK 4", withCode(4), "refused"],
    ["CONNACK 3", withCode(3), "hub-error"],
    ["CONNACK 1", withCode(1), "rejected"],
    [
      "what the SDK wraps",
      Object.assign(new Error("UnauthorizedError"), { transportError: withCode("ECONNRESET") }),
      "unreachable",
    ],
    ["a cause", new Error("x", { cause: withCode("EAI_AGAIN") }), "no-network"],
    ["nothing known", "??", "unreachable"],
  ])("%s", (_what, thrown, kind) => {
    expect(classifyError(thrown, "connect")).toMatchObject({ kind, cause: thrown });
  });

  it.each([
    ["CERT_HAS_EXPIRED", "the hub's certificate has expired", "Renew it on the server"],
    ["CERT_NOT_YET_VALID", "the hub's certificate is not valid yet", "this board's clock is wrong"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "an authority that is not known here", "set hub.ca-file"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "is for another host name", "Check the host name"],
  ])("names what is wrong with a certificate, and what to set: %s", (code, words, advice) => {
    const { message } = classifyError(withCode(code), "connect");
    expect(message).toContain(words);
    expect(message).toContain(advice);
  });

  it("is itself when it is one already", () => {
    const error = new ConnectionError("lost", "x");
    expect(classifyError(error, "connect")).toBe(error);
  });

  it.each<[number, number | undefined, ConnectionErrorKind, boolean]>([
    [429, 429_001, "throttled", true],
    [429, undefined, "throttled", true],
    [403, 403_001, "suspended", true],
    [403, 403_002, "quota", true],
    [403, 403_010, "rejected", false],
    [403, 403_012, "refused", false],
    [403, 403_100, "twin-full", false],
    [403, 403_800, "rejected", false],
    [403, undefined, "rejected", false],
    [404, 404_012, "hub-error", true],
    [404, 404_001, "rejected", false],
    [503, undefined, "hub-error", true],
    [500, 500_001, "hub-error", true],
    [400, 400_004, "rejected", false],
    [413, undefined, "rejected", false],
  ])("status %i, %s: %s", (status, errorCode, kind, passes) => {
    const error = classifyStatus(status, errorCode, "report");
    expect(error.kind).toBe(kind);
    expect(isTransient(error)).toBe(passes);
  });
});
