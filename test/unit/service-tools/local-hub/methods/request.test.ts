import { describe, expect, it } from "vitest";
import type { Json } from "../../../../../service-tools/local-hub/lib/json.ts";
import { parseMethodResponse, parseMethodRequest } from "../../../../../service-tools/local-hub/methods/request.ts";

const LIMIT = 128 * 1024;

describe("a method request", () => {
  it.each<{ what: string; body: Json; call: object }>([
    {
      what: "waits 30 s for an answer and not at all for the device, by default",
      body: { methodName: "reboot" },
      call: { name: "reboot", payload: "", connectTimeoutMs: 0, responseTimeoutMs: 30_000 },
    },
    {
      what: "carries its payload as JSON text",
      body: {
        methodName: "a",
        payload: { b: [1, "x", null] },
        connectTimeoutInSeconds: 5,
        responseTimeoutInSeconds: 5,
      },
      call: { name: "a", payload: '{"b":[1,"x",null]}', connectTimeoutMs: 5000, responseTimeoutMs: 5000 },
    },
    { what: "delivers null as null", body: { methodName: "a", payload: null }, call: { payload: "null" } },
    {
      what: "delivers a string as a JSON string",
      body: { methodName: "a", payload: '{"x":1}' },
      call: { payload: '"{\\"x\\":1}"' },
    },
    {
      what: "takes the names of Plug and Play commands",
      body: { methodName: "part*reboot" },
      call: { name: "part*reboot" },
    },
    {
      what: "takes a payload of 128 KB",
      body: { methodName: "a", payload: "x".repeat(LIMIT - 2) },
      call: { name: "a" },
    },
    {
      what: "takes 300 s",
      body: { methodName: "a", responseTimeoutInSeconds: 300, connectTimeoutInSeconds: 300 },
      call: { connectTimeoutMs: 300_000 },
    },
  ])("$what", ({ body, call }) => {
    expect(parseMethodRequest(body)).toMatchObject({ ok: true, value: call });
  });

  it.each<{ what: string; body: Json; code: number; says: string }>([
    { what: "is no object", body: [], code: 400_004, says: "must be a JSON object" },
    { what: "has no name", body: { payload: 1 }, code: 400_004, says: "methodName must be a string" },
    { what: "has an empty name", body: { methodName: "" }, code: 400_004, says: "methodName must be a string" },
    { what: "has a number for a name", body: { methodName: 5 }, code: 400_004, says: "methodName must be a string" },
    {
      what: "has a name of 101 characters",
      body: { methodName: "m".repeat(101) },
      code: 400_004,
      says: "longer than 100",
    },
    ...["a b", "a/b", "a#", "a+", "a$", "é", "a?", "a=b", "a\n"].map((methodName) => ({
      what: `is called ${JSON.stringify(methodName)}`,
      body: { methodName },
      code: 400_004,
      says: "a character that a method name must not have",
    })),
    {
      what: "waits too short",
      body: { methodName: "a", responseTimeoutInSeconds: 4 },
      code: 400_004,
      says: "responseTimeoutInSeconds must be within [5; 300].",
    },
    {
      what: "waits too long",
      body: { methodName: "a", responseTimeoutInSeconds: 301 },
      code: 400_004,
      says: "responseTimeoutInSeconds must be within [5; 300].",
    },
    {
      what: "waits for a string",
      body: { methodName: "a", responseTimeoutInSeconds: "30" },
      code: 400_004,
      says: "responseTimeoutInSeconds must be within [5; 300].",
    },
    {
      what: "waits too long for the device",
      body: { methodName: "a", connectTimeoutInSeconds: 301 },
      code: 400_004,
      says: "connectTimeoutInSeconds must be within [0; 300].",
    },
    {
      what: "waits a negative time for the device",
      body: { methodName: "a", connectTimeoutInSeconds: -1 },
      code: 400_004,
      says: "connectTimeoutInSeconds must be within [0; 300].",
    },
    {
      what: "waits longer for the device than for all",
      body: { methodName: "a", connectTimeoutInSeconds: 31 },
      code: 400_004,
      says: "cannot be longer than an overall call timeout",
    },
    {
      what: "carries more than 128 KB",
      body: { methodName: "a", payload: "x".repeat(LIMIT - 1) },
      code: 413_001,
      says: "larger than 131072 bytes",
    },
  ])("that $what is refused", ({ body, code, says }) => {
    const result = parseMethodRequest(body);
    expect(result).toMatchObject({ ok: false, error: { code, envelope: "nested" } });
    expect(result.ok ? "" : result.error.message).toContain(says);
  });
});

describe("a method answer", () => {
  it.each<{ payload: string; value: Json }>([
    { payload: '{"ok":true}', value: { ok: true } },
    { payload: "null", value: null },
    { payload: "", value: null },
    { payload: "5", value: 5 },
  ])("of '$payload' is passed on", ({ payload, value }) => {
    expect(parseMethodResponse(200, Buffer.from(payload))).toEqual({
      ok: true,
      value: { status: 200, payload: value },
    });
  });

  it("that is not JSON is a bad gateway", () => {
    expect(parseMethodResponse(200, Buffer.from("oops"))).toMatchObject({ ok: false, error: { code: 502_000 } });
  });

  it("of more than 128 KB is a bad gateway", () => {
    const payload = Buffer.from(JSON.stringify("x".repeat(LIMIT)));
    expect(parseMethodResponse(200, payload)).toMatchObject({ ok: false, error: { code: 502_000 } });
  });
});
