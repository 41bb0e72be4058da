import { describe, expect, it } from "vitest";
import { DeviceOffline, HubBusy, HubUnreachable } from "../../../../../service-tools/cli/errors.ts";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

describe("boardkeeper watch", () => {
  const rebooting = twinOf({}, { phase: "rebooting", operationId: "op-1" }, { connected: false });
  const proven = twinOf(
    {},
    {
      phase: "proven",
      operationId: "op-1",
      cause: "requested",
      last: { at: "2026-01-02T03:04:05.000Z", cause: "requested", clockSynchronized: true },
    },
    { bootId: "boot-2" },
  );

  it("asks a board whose twin does not change, and says why it does not and when it does again", async () => {
    const context = new FakeContext();
    const reply = (reporting: Record<string, string>): FakeContext["hub"]["reply"] => ({
      status: 200,
      payload: { update: { phase: "idle" }, reboot: { phase: "idle" }, link: { up: true, reporting } },
    });
    context.hub.twins = [twinOf({})];
    context.hub.reply = reply({ state: "complete" });
    const running = ran(context, "watch -d board-1");
    await context.time.advance(59_000);
    expect(context.hub.calls).toHaveLength(1); // At the start, and not again while it may be busy.
    context.hub.reply = reply({ state: "refused", message: "The twin is full." });
    await context.time.advance(3 * 60_000);
    context.hub.reply = reply({ state: "complete" });
    await context.time.advance(5 * 60_000);
    context.ctrlC();
    expect(await running).toBe(0);
    const lines = context.out.text.split("\n").filter((line) => line.includes("  twin "));
    expect(lines.map((line) => line.slice(11))).toEqual([
      "twin     The twin is full.",
      "twin     the twin takes all that the board reports again",
    ]);
    expect(context.hub.calls.length).toBeLessThan(8);
  });

  it.each<[string, FakeContext["hub"]["reply"]]>([
    ["does not answer", new HubBusy("Slow down.")],
    ["is offline for calls", new DeviceOffline("Offline.")],
    ["runs an agent now that does not say", { status: 200, payload: { update: {}, reboot: {}, link: { up: true } } }],
  ])("does not say that the twin is mended where the board %s", async (_what, later) => {
    const context = new FakeContext();
    const reporting = { state: "refused", message: "The twin is full." };
    context.hub.twins = [twinOf({})];
    context.hub.reply = { status: 200, payload: { update: {}, reboot: {}, link: { up: true, reporting } } };
    const running = ran(context, "watch -d board-1");
    await context.time.advance(30_000);
    context.hub.reply = later;
    await context.time.advance(5 * 60_000);
    context.ctrlC();
    expect(await running).toBe(0);
    expect(context.out.text).toContain("The twin is full.");
    expect(context.out.text).not.toContain("again");
  });

  it.each<[string, string[]]>([
    [
      "watch -d board-1",
      [
        "03:00:01Z  link     offline",
        "03:00:01Z  reboot   rebooting (op-1)",
        "03:00:03Z  link     connected",
        "03:00:03Z  agent    the board has booted (boot boot-2)",
        "03:00:03Z  reboot   proven at 2026-01-02T03:04:05.000Z, as requested",
      ],
    ],
    [
      "watch -d board-1 -o json",
      [
        '{"at":"2026-01-02T03:00:01.000Z","part":"link","deviceId":"board-1","moduleId":null,"phase":null,"operationId":null,"message":"offline"}',
        '{"at":"2026-01-02T03:00:01.000Z","part":"reboot","deviceId":"board-1","moduleId":null,"phase":"rebooting","operationId":"op-1","message":"rebooting (op-1)"}',
        '{"at":"2026-01-02T03:00:03.000Z","part":"link","deviceId":"board-1","moduleId":null,"phase":null,"operationId":null,"message":"connected"}',
        '{"at":"2026-01-02T03:00:03.000Z","part":"agent","deviceId":"board-1","moduleId":null,"phase":null,"operationId":null,"message":"the board has booted (boot boot-2)"}',
        '{"at":"2026-01-02T03:00:03.000Z","part":"reboot","deviceId":"board-1","moduleId":null,"phase":"proven","operationId":"op-1","message":"proven at 2026-01-02T03:04:05.000Z, as requested"}',
      ],
    ],
  ])("%s prints what happens, through an outage of the hub, until Ctrl-C", async (line, lines) => {
    const context = new FakeContext();
    context.hub.twins = [
      twinOf({}),
      rebooting,
      new HubUnreachable("The hub is away.", { mayHaveArrived: false }),
      proven,
    ];
    const running = ran(context, line);
    await context.time.advance(5_000);
    context.ctrlC();
    expect(await running).toBe(0);
    expect(context.out.text.trimEnd().split("\n").slice(-lines.length)).toEqual(lines);
    expect(context.err.text).toBe(
      "Watching board-1. Stop with Ctrl-C.\nThe hub is away. Trying again.\nThe hub answers again.\n",
    );
  });

  it("gives programs the present state first, on one line", async () => {
    const context = new FakeContext();
    context.hub.twins = [twinOf({})];
    const running = ran(context, "watch -d board-1 -o json");
    await context.time.advance(2_000);
    context.ctrlC();
    expect(await running).toBe(0);
    expect(JSON.parse(context.out.text)).toMatchObject({
      part: "state",
      deviceId: "board-1",
      connectionState: "Connected",
      boardkeeper: { firmwareVersion: "1.0.0" },
    });
    expect(context.out.text.trimEnd().split("\n")).toHaveLength(1);
  });
});
