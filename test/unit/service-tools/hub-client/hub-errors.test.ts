import { describe, expect, it } from "vitest";
import { HubUnreachable } from "../../../../service-tools/cli/errors.ts";
import { toCommandError, type RequestFailure } from "../../../../service-tools/hub-client/hub-errors.ts";
import { parseErrorResponse } from "../../../../service-tools/hub-client/error-response.ts";

const classic = (name: string, message: string): string =>
  JSON.stringify({ Message: `ErrorCode:${name};${message}`, ExceptionMessage: "Tracking ID:x" });
const nested = (errorCode: number, message: string): string =>
  JSON.stringify({ Message: JSON.stringify({ errorCode, message, timestampUtc: "x" }), ExceptionMessage: "" });
const bare = (errorCode: number, message: string): string => JSON.stringify({ errorCode, message });

const cloud = {
  hostName: "fleet.azure-devices.net",
  isLocal: false,
  isOwnLocalHub: false,
  deviceHostName: "fleet.azure-devices.net",
};
const local = { hostName: "localhost:18443", isLocal: true, isOwnLocalHub: true, deviceHostName: "localhost:18883" };
const device = { deviceId: "board-1" };
const module = { deviceId: "board-1", moduleId: "agent" };

describe("the body of an error response", () => {
  it.each([
    ["of the registry", classic("DeviceNotFound", "board-1"), undefined, "DeviceNotFound", "board-1"],
    ["of a method", nested(404_103, "not online"), 404_103, undefined, "not online"],
    ["of a module", bare(404_010, "no such module"), 404_010, undefined, "no such module"],
    ["with a sentence alone", JSON.stringify({ Message: "went wrong" }), undefined, undefined, "went wrong"],
    ["of something that is no hub", "<html>502</html>", undefined, undefined, "<html>502</html>"],
    ["that is empty", "", undefined, undefined, ""],
  ])("%s", (_what, body, code, name, message) => {
    expect(parseErrorResponse(body)).toEqual({ code, name, message });
  });
});

describe("one error per remedy", () => {
  it.each<[string, number, string, string, number, RegExp]>([
    [
      "an offline device",
      404,
      nested(404_103, "offline"),
      "device-offline",
      4,
      /^board-1 is offline: it is not connected to fleet/,
    ],
    [
      "a device that went away",
      404,
      nested(404_104, "gone"),
      "device-gone",
      4,
      /lost its connection before it answered/,
    ],
    ["a device that did not answer", 504, nested(504_101, "Timed out"), "timed-out", 5, /did not answer in time/],
    [
      "an unknown device",
      404,
      classic("DeviceNotFound", "board-1"),
      "unknown-device",
      1,
      /^fleet\S+ knows no device board-1\.$/,
    ],
    ["an unknown device of a method", 404, nested(404_001, "x"), "unknown-device", 1, /knows no device/],
    [
      "a device that is there already",
      409,
      classic("DeviceAlreadyExists", "x"),
      "already-exists",
      1,
      /already has a device board-1/,
    ],
    [
      "a wrong key",
      401,
      classic("IotHubUnauthorizedAccess", "Unauthorized"),
      "authentication-failed",
      3,
      /does not allow this/,
    ],
    ["a forbidden address", 403, bare(403_000, "Forbidden"), "authentication-failed", 3, /does not allow this/],
    ["an exhausted quota", 403, bare(403_002, "Quota"), "hub-busy", 7, /has used up its daily message quota/],
    ["a suspended hub", 403, bare(403_001, "Suspended"), "hub-busy", 7, /is suspended/],
    ["a failover", 404, bare(404_012, "Failing over"), "hub-busy", 7, /fails over to another region/],
    ["a Basic hub", 403, bare(403_010, "Tier"), "refused-by-hub", 1, /does not have this in its tier/],
    ["a disabled device", 403, nested(403_012, "Disabled"), "refused-by-hub", 1, /^board-1 is disabled in fleet/],
    ["too many methods", 403, bare(403_800, "Methods"), "hub-busy", 7, /cannot do this now/],
    ["a twin that is full", 403, bare(403_100, "Size"), "refused-by-hub", 1, /keeps no more in this twin/],
    ["throttling", 429, "", "hub-busy", 7, /cannot do this now/],
    ["a broken hub", 503, "", "hub-busy", 7, /cannot do this now/],
    ["a bad request", 400, classic("ArgumentInvalid", "no such thing"), "refused-by-hub", 1, /no such thing/],
    ["a twin that is too large", 413, "", "refused-by-hub", 1, /refused the request/],
  ])("%s", (_what, status, body, code, exitCode, message) => {
    const error = toCommandError({ kind: "answer", status, body }, { address: cloud, target: device });
    expect(error).toMatchObject({ code, exitCode });
    expect(error.message).toMatch(message);
  });

  it("names a module together with its device: either may be missing", () => {
    const asked = { address: cloud, target: module };
    const noModule = toCommandError({ kind: "answer", status: 404, body: bare(404_010, "x") }, asked);
    expect(noModule.message).toContain("knows no device board-1 with a module agent.");
  });

  it.each<[RequestFailure, string, number, RegExp, string]>([
    [
      { kind: "connection", code: "ECONNREFUSED", message: "connect ECONNREFUSED 127.0.0.1:18443" },
      "hub-unreachable",
      7,
      /^The local hub \(localhost:18443\) cannot be reached: connect ECONNREFUSED/,
      "boardkeeper hub start",
    ],
    [
      {
        kind: "connection",
        code: "SELF_SIGNED_CERT_IN_CHAIN",
        message: "self-signed certificate in certificate chain",
      },
      "hub-unreachable",
      7,
      /^The certificate of localhost:18443 is signed by an authority that is not known here \(SELF_SIGNED/,
      "--ca-file",
    ],
    [
      { kind: "connection", code: "ERR_TLS_CERT_ALTNAME_INVALID", message: "Hostname does not match" },
      "hub-unreachable",
      7,
      /^The certificate of localhost:18443 is for another host name/,
      "Check the host name",
    ],
    [
      { kind: "connection", code: "CERT_HAS_EXPIRED", message: "certificate has expired" },
      "hub-unreachable",
      7,
      /^The certificate of localhost:18443 has expired/,
      "Renew it on the server. If it is still valid, this machine's clock is wrong",
    ],
    [
      { kind: "connection", code: "CERT_NOT_YET_VALID", message: "certificate is not yet valid" },
      "hub-unreachable",
      7,
      /^The certificate of localhost:18443 is not valid yet/,
      "Most likely this machine's clock is wrong",
    ],
    [{ kind: "deadline", deadlineMs: 15_000 }, "timed-out", 5, /did not answer within 15 s/, ""],
  ])("%o", (trouble, code, exitCode, message, advice) => {
    const error = toCommandError(trouble, { address: local, target: device });
    expect(error).toMatchObject({ code, exitCode });
    expect(error.message).toMatch(message);
    expect(error.advice ?? "").toContain(advice);
  });

  it.each(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "ERR_TLS_CERT_ALTNAME_INVALID", "CERT_REVOKED"])(
    "advises no authority where that would not help: %s",
    (code) => {
      const error = toCommandError({ kind: "connection", code, message: "x" }, { address: cloud, target: device });
      expect(error.advice).not.toContain("--ca-file");
    },
  );

  it.each([
    ["ECONNREFUSED", false],
    ["ENOTFOUND", false],
    ["ECONNRESET", true],
    ["EPIPE", true],
    ["SELF_SIGNED_CERT_IN_CHAIN", false],
  ])("says whether a request may have arrived: %s, %s", (code, mayHaveArrived) => {
    const error = toCommandError({ kind: "connection", code, message: "x" }, { address: cloud, target: device });
    expect(error).toBeInstanceOf(HubUnreachable);
    expect(error).toMatchObject({ mayHaveArrived });
  });
});
