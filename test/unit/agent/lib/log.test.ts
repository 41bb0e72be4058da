import { describe, expect, it } from "vitest";
import { redact } from "../../../../agent/contract/safe-text.ts";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { createLog, formatTerminalLine } from "../../../../agent/lib/log.ts";

describe("the log", () => {
  it("writes one JSON line an event, with the level as a word", () => {
    const lines: string[] = [];
    createLog("info", { write: (line) => lines.push(line) })
      .child({ part: "link" })
      .info({ operationId: "op-1" }, "connected");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "info",
      part: "link",
      operationId: "op-1",
      msg: "connected",
    });
  });

  it("is written at another level from one line to the next, by every part of it", () => {
    const lines: string[] = [];
    const log = createLog("info", { write: (line) => lines.push(line) });
    const part = log.child({ part: "link" });
    part.debug({}, "too little");
    log.setLevel("debug");
    part.debug({}, "enough");
    log.setLevel("error");
    part.warn({}, "too little");
    log.child({ part: "local-api" }).warn({}, "too little");
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toStrictEqual(["enough"]);
  });

  it("tells of a failure that has a remedy without a stack, and of a fault with one", () => {
    const lines: string[] = [];
    const log = createLog("info", { write: (line) => lines.push(line) });
    const cause = new Error("GET https://a/b?sig=topsecret failed", { cause: new Error("ECONNRESET") });
    log.error({ err: new AgentError("unreachable", "The connection was lost.", { cause }) }, "update step failed");
    log.error({ err: new TypeError("x is not a function") }, "update step failed");
    const [failed, fault] = lines.map((line): { err: object } => JSON.parse(line));
    expect(failed?.err).toEqual({
      type: "AgentError",
      code: "unreachable",
      message: "The connection was lost.",
      cause: "GET https://a/b?[secret] failed: ECONNRESET",
    });
    expect(fault?.err).toMatchObject({ type: "TypeError", stack: expect.stringContaining(" at ") as string });
  });

  it.each([
    ["board", "board started", "board started"],
    ["update", "update step failed", "update step failed"],
    ["download", "partial image not closed", "download partial image not closed"],
    ["download", "download delayed", "download delayed"],
    [undefined, "agent started", "agent started"],
  ])("names the part that speaks once, to people: %s, %s", (part, message, line) => {
    expect(formatTerminalLine(part, message)).toBe(line);
  });

  it("keeps secrets out, wherever they stand", () => {
    const lines: string[] = [];
    const log = createLog("debug", { write: (line) => lines.push(line) });
    const url = "https://images.example/board.img?sig=topsecret&se=1";
    const cause = new Error("HostName=h;DeviceId=d;SharedAccessKey=topsecret=;GatewayHostName=g");
    log.error(
      { err: new Error(`GET ${url} failed`, { cause }), uri: url, job: { uri: url }, connectionString: "topsecret" },
      "failed",
    );
    expect(lines.join()).not.toContain("topsecret");
    expect(lines.join()).toContain("https://images.example/board.img?[secret]");
    expect(lines.join()).toContain("GatewayHostName=g");
  });

  it.each([
    ["no secret here", "no secret here"],
    ["see https://a/b?c=d, please", "see https://a/b?[secret] please"],
    ['got "wss://a/b?c=d"', 'got "wss://a/b?[secret]"'],
    ["https://me:word@a/b@c", "https://[secret]@a/b@c"],
    ["sr=x&sig=abc%3D&se=1", "sr=x&sig=[secret]&se=1"],
  ])("redacts %s", (text, clean) => {
    expect(redact(text)).toBe(clean);
  });
});
