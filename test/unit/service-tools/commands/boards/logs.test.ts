import { describe, expect, it } from "vitest";
import { run } from "../../../../../service-tools/cli/run.ts";
import { FakeWorld } from "../../../../support/world.ts";

const lines = [
  { level: "info", time: "2026-01-02T03:00:00.000Z", part: "link", msg: "connected to the hub", desiredVersion: 1 },
  { level: "warn", time: "2026-01-02T03:00:01.000Z", msg: "odd" },
];

function worldWith(payload: object): FakeWorld {
  const world = new FakeWorld();
  world.hub.reply = { status: 200, payload: { Response: "2 lines", ...payload } };
  return world;
}

describe("boardkeeper logs", () => {
  it.each([
    ["", {}],
    ["--level warn", { level: "warn" }],
    ["--since 10m", { since: "2026-01-02T02:50:00.000Z" }],
    ["--since 2026-01-02T04:00:00+01:00", { since: "2026-01-02T03:00:00.000Z" }],
  ])("asks the board: %s", async (options, payload) => {
    const world = worldWith({ lines, omitted: 0 });
    expect(await run(`logs -d board-1 ${options}`.trim().split(" "), world)).toBe(0);
    expect(world.hub.calls).toEqual([
      { target: { deviceId: "board-1", moduleId: undefined }, method: "getLogs", payload },
    ]);
    expect(world.out.text).toBe(
      "2026-01-02T03:00:00.000Z  info   link       connected to the hub desiredVersion=1\n" +
        "2026-01-02T03:00:01.000Z  warn              odd\n",
    );
    expect(world.err.text).toBe("");
  });

  it("says how many did not fit, and gives programs all of it", async () => {
    const world = worldWith({ lines, omitted: 7 });
    expect(await run(["logs", "-d", "board-1", "-o", "json"], world)).toBe(0);
    expect(world.err.text).toContain("7 older lines did not fit an answer");
    expect(JSON.parse(world.out.text)).toEqual({ deviceId: "board-1", moduleId: null, lines, omitted: 7 });
  });

  it("says that another agent has no log to give", async () => {
    const world = new FakeWorld();
    world.hub.reply = {
      status: 404,
      payload: { Response: "This board has no method.", error: { code: "unknown-method" } },
    };
    expect(await run(["logs", "-d", "board-1"], world)).toBe(6);
    expect(world.err.text).toContain("unknown-method");
  });

  it.each([
    ["--since soon", "Expected a duration such as 10m"],
    ["--since 2026-01-02T03:00:00", "a time with its zone"],
    ["--level loud", "Allowed choices are debug, info, warn, error, fatal"],
  ])("%s is a usage error", async (options, message) => {
    const world = new FakeWorld();
    expect(await run(`logs -d board-1 ${options}`.split(" "), world)).toBe(2);
    expect(world.err.text).toContain(message);
  });
});
