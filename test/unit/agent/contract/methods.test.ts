import { describe, expect, it } from "vitest";
import {
  parseFirmwareUpdateRequest,
  parseLogsRequest,
  findMethod,
  parseOperationReference,
  parseRebootRequest,
} from "../../../../agent/contract/methods.ts";

describe("payloads as they arrive", () => {
  it.each<[string, unknown, object]>([
    ["an object", { delaySeconds: 5 }, { delaySeconds: 5 }],
    ["null", null, {}],
    ["nothing", undefined, {}],
    ["an object as JSON text (Python v2)", '{"delaySeconds":5}', { delaySeconds: 5 }],
    ["null as JSON text", "null", {}],
    ["an empty text", "", {}],
    ["the reboot tutorial's unknown key", { method_number: "42" }, {}],
  ])("%s", (_what, payload, value) => {
    expect(parseRebootRequest(payload)).toStrictEqual({ ok: true, value });
  });

  it.each<[string, unknown, string]>([
    [
      "a text that is not JSON",
      "hello",
      "payload: expected an object, null, or an object as JSON text, got another text",
    ],
    ["a number", 42, "payload: expected an object, null, or an object as JSON text, got a number"],
    ["an array", [1], "payload: expected an object, null, or an object as JSON text, got an array"],
    ["an array as JSON text", "[1]", "payload: expected an object, null, or an object as JSON text, got an array"],
    ["JSON text twice over", '"{}"', "payload: expected an object, null, or an object as JSON text, got a string"],
  ])("refuses %s", (_what, payload, problem) => {
    expect(parseRebootRequest(payload)).toStrictEqual({ ok: false, problems: [problem] });
  });
});

describe("rebootDevice", () => {
  it.each<[object, string]>([
    [{ delaySeconds: -1 }, "delaySeconds: expected a whole number of seconds from 0 to 86400, got -1"],
    [{ delaySeconds: 86_401 }, "delaySeconds: expected a whole number of seconds from 0 to 86400, got 86401"],
    [{ delaySeconds: 1.5 }, "delaySeconds: expected a whole number of seconds from 0 to 86400, got 1.5"],
    [{ delaySeconds: "5" }, 'delaySeconds: expected a whole number of seconds from 0 to 86400, got "5"'],
    [{ at: "tomorrow" }, 'at: expected a time with its zone such as 2030-01-31T23:59:00Z, got "tomorrow"'],
    [{ at: "2030-02-31" }, 'at: expected a time with its zone such as 2030-01-31T23:59:00Z, got "2030-02-31"'],
    [
      { at: "2030-02-31T04:00:00Z" },
      'at: expected a time with its zone such as 2030-01-31T23:59:00Z, got "2030-02-31T04:00:00Z"',
    ],
    [{ force: "yes" }, 'force: expected true or false, got "yes"'],
    [
      { operationId: "a b" },
      'operationId: expected an operation id of 1 to 64 letters, digits, and . _ : -, got "a b"',
    ],
    [{ operationId: "" }, 'operationId: expected an operation id of 1 to 64 letters, digits, and . _ : -, got ""'],
    [{ reason: 7 }, "reason: expected a reason of at most 200 characters, got 7"],
    [{ delaySeconds: 1, window: true }, "delaySeconds, at, window: expected at most one of them, got several"],
  ])("refuses %j", (payload, problem) => {
    expect(parseRebootRequest(payload)).toStrictEqual({ ok: false, problems: [problem] });
  });

  it("tells every problem at once", () => {
    const checked = parseRebootRequest({ delaySeconds: -1, force: 0 });
    expect(checked.ok ? [] : checked.problems).toHaveLength(2);
  });
});

describe("firmwareUpdate", () => {
  it.each([
    "2030-01-31T04:00:00Z",
    "2030-01-31T04:00Z",
    "2030-01-31T04:00:00.123456789Z",
    "2030-01-31T05:00:00+01:00",
    "2028-02-29T00:00:00Z",
  ])("takes startBy %s", (startBy) => {
    expect(parseFirmwareUpdateRequest({ startBy })).toStrictEqual({ ok: true, value: { startBy } });
  });

  it.each([
    "tomorrow",
    "2030-01-31",
    "2030-01-31T04:00:00",
    "2030-01-31 04:00:00Z",
    "2030-02-31T04:00:00Z",
    "2027-02-29T04:00:00Z",
    "2030-04-31T04:00:00Z",
    "2030-13-01T04:00:00Z",
    "2030-00-10T04:00:00Z",
    "2030-01-00T04:00:00Z",
    "2030-01-31T25:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "0000-01-01T00:00:00+01:00",
    "1893456000",
    "",
    1_893_456_000,
    null,
    {},
  ])("refuses startBy %j", (startBy) => {
    const checked = parseFirmwareUpdateRequest({ startBy });
    expect(checked.ok ? [] : checked.problems).toStrictEqual([
      expect.stringMatching(/^startBy: expected a time with its zone such as 2030-01-31T23:59:00Z, got /),
    ]);
  });

  it.each(["startby", "StartBy", "start_by", "startBye", "starBy"])("names startBy for %s", (key) => {
    const checked = parseFirmwareUpdateRequest({ [key]: "2030-01-31T04:00:00Z" });
    expect(checked).toStrictEqual({ ok: false, problems: [`${key}: not a known key (did you mean startBy?)`] });
  });

  it("takes both spellings of the address", () => {
    for (const key of ["fwPackageUri", "fwPackageURI"]) {
      expect(parseFirmwareUpdateRequest({ [key]: "https://a/b" })).toStrictEqual({
        ok: true,
        value: { [key]: "https://a/b" },
      });
    }
  });

  it.each<[object, string]>([
    [
      { fwPackageUri: "" },
      "fwPackageUri: expected a URI of 1 to 2048 characters without spaces, got a text of 0 characters",
    ],
    [{ fwPackageUri: 7 }, "fwPackageUri: expected a URI of 1 to 2048 characters without spaces, got 7"],
    [{ fwPackageSize: 0 }, "fwPackageSize: expected a whole number of bytes from 1 to 1099511627776, got 0"],
    [{ apply: "later" }, 'apply: expected ("now" | "window" | "manual"), got "later"'],
    [{ fwVersion: "../etc" }, expect.stringContaining("fwVersion: expected a version of 1 to 64")],
    [{ fwVersion: 2 }, expect.stringContaining("fwVersion: expected a version of 1 to 64")],
  ])("refuses %j", (payload, problem) => {
    expect(parseFirmwareUpdateRequest(payload)).toStrictEqual({ ok: false, problems: [problem] });
  });

  it("never repeats an address, which may carry a signature", () => {
    const checked = parseFirmwareUpdateRequest({ fwPackageUri: "https://a/b?sig=secret with a space" });
    expect(JSON.stringify(checked)).not.toContain("secret");
  });
});

describe("keys that are almost known", () => {
  it.each<[string, (payload: unknown) => unknown, object, string]>([
    [
      "rebootDevice",
      parseRebootRequest,
      { delaySecond: 60 },
      "delaySecond: not a known key (did you mean delaySeconds?)",
    ],
    ["firmwareUpdate", parseFirmwareUpdateRequest, { Apply: "manual" }, "Apply: not a known key (did you mean apply?)"],
    ["firmwareUpdate", parseFirmwareUpdateRequest, { mirror: [] }, "mirror: not a known key (did you mean mirrors?)"],
    [
      "cancelReboot",
      parseOperationReference,
      { operationID: "op-1" },
      "operationID: not a known key (did you mean operationId?)",
    ],
    ["getLogs", parseLogsRequest, { Level: "error" }, "Level: not a known key (did you mean level?)"],
    [
      "rebootDevice",
      parseRebootRequest,
      { payload: { delaySeconds: 60 } },
      "payload: the keys are wrapped in another object; send what is inside it, without payload around it",
    ],
  ])("%s refuses them: %#", (_method, parse, payload, problem) => {
    expect(parse(payload)).toStrictEqual({ ok: false, problems: [problem] });
    expect(parse(JSON.stringify(payload))).toStrictEqual({ ok: false, problems: [problem] });
  });

  it("are told beside wrong values", () => {
    expect(parseRebootRequest({ Force: true, delaySeconds: -1 })).toStrictEqual({
      ok: false,
      problems: ["Force: not a known key (did you mean force?)", expect.stringContaining("delaySeconds: expected")],
    });
  });
});

describe("texts that are refused", () => {
  it.each<[object, string]>([
    [{ reason: "r".repeat(201) }, 'reason: expected a reason of at most 200 characters, got 201: "rrr'],
    [
      { reason: "two\nlines" },
      'reason: expected a reason without control characters, got U+000A at character 4: "two\\nlines"',
    ],
    [{ operationId: "o".repeat(65) }, "operationId: expected an operation id of at most 64 characters, got 65: "],
    [{ operationId: "op-1\u001b" }, "without control characters, got U+001B at character 5"],
  ])("%#: too long and control characters are told apart", (payload, problem) => {
    expect(parseRebootRequest(payload)).toStrictEqual({ ok: false, problems: [expect.stringContaining(problem)] });
  });

  it.each<[object, string]>([
    [
      { fwPackageUri: `https://a/${"b".repeat(2_048)}` },
      "fwPackageUri: expected a URI of at most 2048 characters, got 2058",
    ],
    [
      { fwPackageUri: "https://a/b\n" },
      "fwPackageUri: expected a URI without control characters, got U+000A at character 12",
    ],
    [
      { fwPackageCheckValue: "a\nb" },
      'fwPackageCheckValue: expected a check value without control characters, got U+000A at character 2: "a\\nb"',
    ],
  ])("%#: in an update too", (payload, problem) => {
    expect(parseFirmwareUpdateRequest(payload)).toStrictEqual({ ok: false, problems: [problem] });
  });
});

describe("names", () => {
  it.each([
    ["rebootDevice", "rebootDevice"],
    ["reboot", "rebootDevice"],
    ["firmwareUpdate", "firmwareUpdate"],
    ["toString", undefined],
    ["Reboot", undefined],
    ["", undefined],
  ])("%s is %s", (name, method) => {
    expect(findMethod(name)).toBe(method);
  });

  it("takes an operation id for methods that need nothing else", () => {
    expect(parseOperationReference({ operationId: "op-1", more: 1 })).toStrictEqual({
      ok: true,
      value: { operationId: "op-1" },
    });
  });
});
