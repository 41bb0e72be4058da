import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { HubBusy, HubUnreachable, Interrupted, TimedOut, UnknownDevice } from "../../../../service-tools/cli/errors.ts";
import { followToEnd } from "../../../../service-tools/watch/follow.ts";
import { rebootOutcome } from "../../../../service-tools/watch/outcome.ts";
import { rebootTracker } from "../../../../service-tools/watch/reboot-tracker.ts";
import { twinOf, viewOf } from "../../../support/board-views.ts";
import { FakeContext } from "../../../support/fake-context.ts";

const target = { deviceId: "board-1" };
const tracker = rebootTracker("op-1", viewOf({}), false);
const rebooting = twinOf({}, { phase: "rebooting", operationId: "op-1" });
const last = { at: "2026-01-02T03:04:05.000Z", cause: "requested" as const, clockSynchronized: true };
const proven = twinOf({}, { phase: "proven", operationId: "op-1", cause: "requested", last }, { bootId: "boot-2" });
const away = new HubUnreachable("The hub is away.", { mayHaveArrived: false });

/** Follows a reboot through these twins; time passes until it has ended. */
async function followed(
  twins: (JsonObject | Error)[],
  timeoutMs = 60_000,
): Promise<{ kind: unknown; context: FakeContext }> {
  const context = new FakeContext();
  context.hub.twins = [...twins];
  const ending = followToEnd(context, context.hub, {
    target,
    what: "reboot",
    tracker,
    timeoutMs,
    outcomeOf: (end) => rebootOutcome(target, end),
  });
  const settled = ending.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, context.time.advance(10 * 60_000)]);
  const { details } = await ending;
  return { kind: details["kind"], context };
}

describe("following an operation", () => {
  it("ends when the operation ends, without another read", async () => {
    const { kind, context } = await followed([rebooting, rebooting, proven]);
    expect(kind).toBe("proven");
    expect(context.hub.twinReads).toBe(3);
  });

  it.each([
    ["cannot be reached", away],
    ["is busy", new HubBusy("Slow down.")],
    ["does not answer", new TimedOut("No answer.")],
  ])("continues when the hub %s", async (_what, trouble) => {
    const { kind, context } = await followed([rebooting, trouble, trouble, proven]);
    expect(kind).toBe("proven");
    expect(context.err.text).toContain(`${trouble.message} Trying again.\n`);
  });

  it("ends at once with an error that does not pass", async () => {
    await expect(followed([rebooting, new UnknownDevice("No such board.")])).rejects.toThrow("No such board.");
  });

  it.each<[string, (JsonObject | Error)[], string]>([
    [
      "names the last phase",
      [rebooting],
      "The reboot of board-1 did not end within 10 s: its last phase was rebooting.",
    ],
    [
      "says when the board has reported nothing",
      [twinOf({})],
      "did not end within 10 s: the board has not reported it.",
    ],
    [
      "says when the board is offline",
      [twinOf({}, { phase: "rebooting", operationId: "op-1" }, { connected: false })],
      "its last phase was rebooting; the board is offline.",
    ],
    ["says when the hub is away", [rebooting, away], "its last phase was rebooting; The hub is away."],
  ])("ends when the time is up, and %s", async (_what, twins, sentence) => {
    const late = await followed(twins, 10_000).catch((cause: unknown) => cause);
    expect(late).toBeInstanceOf(TimedOut);
    expect(late).toMatchObject({
      exitCode: 5,
      message: expect.stringContaining(sentence) as string,
      advice: "The reboot continues. Watch it with: boardkeeper watch -d board-1",
    });
  });

  it("reads a last time when the time is up", async () => {
    const context = new FakeContext();
    context.hub.twins = [rebooting];
    const ending = followToEnd(context, context.hub, {
      target,
      what: "reboot",
      tracker,
      timeoutMs: 2_500,
      outcomeOf: (end) => rebootOutcome(target, end),
    });
    const late = ending.catch((cause: unknown) => cause);
    await context.time.advance(2_500);
    expect(await late).toBeInstanceOf(TimedOut);
    expect(context.hub.twinReads).toBe(4);
  });

  it("says at Ctrl-C that the operation continues, and how to watch it", async () => {
    const context = new FakeContext();
    context.hub.twins = [rebooting];
    const ending = followToEnd(context, context.hub, {
      target,
      what: "reboot",
      tracker,
      timeoutMs: 60_000,
      outcomeOf: (end) => rebootOutcome(target, end),
    });
    const ended = ending.catch((cause: unknown) => cause);
    await context.time.advance(1_500);
    context.ctrlC();
    const cause = await ended;
    expect(cause).toBeInstanceOf(Interrupted);
    expect(cause).toMatchObject({
      exitCode: 130,
      message: "The reboot continues. Watch it with: boardkeeper watch -d board-1",
    });
  });
});
