import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { HubBusy, HubUnreachable, Interrupted, TimedOut, UnknownDevice } from "../../../../service-tools/cli/errors.ts";
import { awaitEnd } from "../../../../service-tools/watch/await-end.ts";
import { rebootStory, type RebootEnd } from "../../../../service-tools/watch/reboot-tracker.ts";
import { twinOf, viewOf } from "../../../support/board-views.ts";
import { FakeWorld } from "../../../support/world.ts";

const target = { deviceId: "board-1" };
const story = rebootStory("op-1", viewOf({}), false);
const rebooting = twinOf({}, { phase: "rebooting", operationId: "op-1" });
const last = { at: "2026-01-02T03:04:05.000Z", cause: "requested" as const, clockSynchronized: true };
const proven = twinOf({}, { phase: "proven", operationId: "op-1", cause: "requested", last }, { bootId: "boot-2" });
const away = new HubUnreachable("The hub is away.", { mayHaveArrived: false });

/** Follows a reboot through these looks; time passes until it has ended. */
async function followed(
  twins: (JsonObject | Error)[],
  limitMs = 60_000,
): Promise<{ end: RebootEnd; world: FakeWorld }> {
  const world = new FakeWorld();
  world.hub.twins = [...twins];
  const ending = awaitEnd(world, world.hub, {
    target,
    what: "reboot",
    story,
    limitMs,
    isGood: ({ kind }) => kind === "proven",
  });
  const settled = ending.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, world.time.advance(10 * 60_000)]);
  return { end: await ending, world };
}

describe("following an operation", () => {
  it("ends with the operation, after as many looks as it took", async () => {
    const { end, world } = await followed([rebooting, rebooting, proven]);
    expect(end.kind).toBe("proven");
    expect(world.hub.looks).toBe(3);
  });

  it.each([
    ["cannot be reached", away],
    ["is busy", new HubBusy("Slow down.")],
    ["does not answer", new TimedOut("No answer.")],
  ])("rides through a hub that %s", async (_what, trouble) => {
    const { end, world } = await followed([rebooting, trouble, trouble, proven]);
    expect(end.kind).toBe("proven");
    expect(world.err.text).toContain(`${trouble.message} Trying again.\n`);
  });

  it("does not wait for what waiting cannot mend", async () => {
    await expect(followed([rebooting, new UnknownDevice("No such board.")])).rejects.toThrow("No such board.");
  });

  it.each<[string, (JsonObject | Error)[], string]>([
    [
      "names the last phase",
      [rebooting],
      "The reboot of board-1 did not end within 10 s: its last phase was rebooting.",
    ],
    ["says when the board has told nothing", [twinOf({})], "did not end within 10 s: the board has not told of it."],
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
      advice: "The reboot goes on; follow it with: boardkeeper watch -d board-1",
    });
  });

  it("looks a last time when the time is up, not later", async () => {
    const world = new FakeWorld();
    world.hub.twins = [rebooting];
    const ending = awaitEnd(world, world.hub, { target, what: "reboot", story, limitMs: 2_500, isGood: () => true });
    const late = ending.catch((cause: unknown) => cause);
    await world.time.advance(2_500);
    expect(await late).toBeInstanceOf(TimedOut);
    expect(world.hub.looks).toBe(4);
  });

  it("says at Ctrl-C that the work goes on, and how to follow it", async () => {
    const world = new FakeWorld();
    world.hub.twins = [rebooting];
    const ending = awaitEnd(world, world.hub, { target, what: "reboot", story, limitMs: 60_000, isGood: () => true });
    const ended = ending.catch((cause: unknown) => cause);
    await world.time.advance(1_500);
    world.ctrlC();
    const cause = await ended;
    expect(cause).toBeInstanceOf(Interrupted);
    expect(cause).toMatchObject({
      exitCode: 130,
      message: "The reboot goes on; follow it with: boardkeeper watch -d board-1",
    });
  });
});
