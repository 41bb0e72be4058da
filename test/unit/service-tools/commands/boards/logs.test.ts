import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

const lines = [
  { level: "info", time: "2026-01-02T03:00:00.000Z", part: "link", msg: "connected to the hub", desiredVersion: 1 },
  { level: "warn", time: "2026-01-02T03:00:01.000Z", msg: "odd" },
];

function contextWith(payload: object): FakeContext {
  const context = new FakeContext();
  context.hub.reply = { status: 200, payload: { Response: "2 lines", ...payload } };
  return context;
}

describe("boardkeeper logs", () => {
  it.each([
    ["", {}],
    ["--level warn", { level: "warn" }],
    ["--since 10m", { since: "2026-01-02T02:50:00.000Z" }],
    ["--since 2026-01-02T04:00:00+01:00", { since: "2026-01-02T03:00:00.000Z" }],
  ])("calls the board: %s", async (options, payload) => {
    const context = contextWith({ lines, omitted: 0 });
    expect(await runCommandLine(`logs -d board-1 ${options}`.trim().split(" "), context)).toBe(0);
    expect(context.hub.calls).toEqual([
      { target: { deviceId: "board-1", moduleId: undefined }, method: "getLogs", payload },
    ]);
    expect(context.out.text).toBe(
      "2026-01-02T03:00:00.000Z  info   link       connected to the hub desiredVersion=1\n" +
        "2026-01-02T03:00:01.000Z  warn              odd\n",
    );
    expect(context.err.text).toBe("");
  });

  it("says how many lines did not fit, and gives programs the document", async () => {
    const context = contextWith({ lines, omitted: 7 });
    expect(await runCommandLine(["logs", "-d", "board-1", "-o", "json"], context)).toBe(0);
    expect(context.err.text).toContain("7 older lines did not fit into one answer");
    expect(JSON.parse(context.out.text)).toEqual({ deviceId: "board-1", moduleId: null, lines, omitted: 7 });
  });

  it("reports that another agent does not have the method", async () => {
    const context = new FakeContext();
    context.hub.reply = {
      status: 404,
      payload: { Response: "This board has no method.", error: { code: "unknown-method" } },
    };
    expect(await runCommandLine(["logs", "-d", "board-1"], context)).toBe(6);
    expect(context.err.text).toContain("unknown-method");
  });

  it.each([
    ["--since soon", "Expected a duration such as 10m"],
    ["--since 2026-01-02T03:00:00", "a time with its zone"],
    ["--level loud", "Allowed choices are debug, info, warn, error, fatal"],
  ])("%s is a usage error", async (options, message) => {
    const context = new FakeContext();
    expect(await runCommandLine(`logs -d board-1 ${options}`.split(" "), context)).toBe(2);
    expect(context.err.text).toContain(message);
  });
});
