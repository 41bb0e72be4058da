import { describe, expect, it } from "vitest";
import { redact } from "../../../agent/contract/redact.ts";
import { createLog } from "../../../agent/log.ts";

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
