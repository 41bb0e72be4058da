import { describe, expect, it } from "vitest";
import { failure } from "../../../../agent/contract/failure.ts";
import { sectionAt, type JsonObject } from "../../../../agent/contract/json.ts";
import type { MethodReply } from "../../../../service-tools/hub-client/hub-client.ts";
import {
  DeviceOffline,
  HubBusy,
  HubUnreachable,
  Interrupted,
  TimedOut,
  UnknownDevice,
} from "../../../../service-tools/cli/errors.ts";
import { followToEnd } from "../../../../service-tools/watch/follow.ts";
import { rebootOutcome, type Outcome } from "../../../../service-tools/watch/outcome.ts";
import { rebootTracker, type RebootEnd } from "../../../../service-tools/watch/reboot-tracker.ts";
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

describe("a board whose twin does not tell", () => {
  const full = "The twin is full: other software has filled it.";
  /** The answer to getStatus that goes with this twin. */
  const statusOf = (twin: JsonObject, state = "complete"): MethodReply => {
    const { boardkeeper } = sectionAt(sectionAt(twin, "properties"), "reported");
    const reporting = state === "complete" ? { state } : { state, message: full };
    return { status: 200, payload: { ...(boardkeeper as JsonObject), link: { up: true, reporting } } };
  };
  const failed = twinOf(
    {},
    { phase: "failed", operationId: "op-1", error: failure("inhibited", "rebooting", "A backup runs.") },
  );

  /** Follows a reboot whose twin stays as it was, while the board answers with one of these after the other. */
  async function asked(
    answers: (MethodReply | Error)[],
    timeoutMs = 10 * 60_000,
    twins: JsonObject[] = [twinOf({})],
  ): Promise<{ ending: Outcome | Error; context: FakeContext }> {
    const context = new FakeContext();
    context.hub.twins = [...twins];
    context.hub.callMethod = (calledTarget, method, payload) => {
      context.hub.calls.push({ target: calledTarget, method, payload });
      const [answer = away] = answers;
      if (answers.length > 1) answers.shift();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    };
    const outcomeOf = (end: RebootEnd): Outcome => rebootOutcome(target, end);
    const following = followToEnd(context, context.hub, { target, what: "reboot", tracker, timeoutMs, outcomeOf });
    const ending = following.catch((cause: unknown) => cause as Error);
    await Promise.race([ending, context.time.advance(timeoutMs + 60_000)]);
    return { ending: await ending, context };
  }

  it.each<[string, JsonObject, object]>([
    ["proven", proven, { isGood: true, details: { kind: "proven", bootId: "boot-2" } }],
    [
      "failed",
      failed,
      { isGood: false, failure: "failed", message: expect.stringContaining("A backup runs.") as string },
    ],
  ])("is asked when the time is up, and has the last word: %s", async (_what, twin, expected) => {
    const { ending, context } = await asked([statusOf(twin)], 10_000);
    expect(ending).toMatchObject(expected);
    expect(context.hub.calls.map(({ method }) => method)).toStrictEqual(["getStatus"]);
  });

  it("is asked when nothing changes for a minute, and more rarely after that", async () => {
    const { ending, context } = await asked([statusOf(twinOf({})), statusOf(proven)]);
    expect(ending).toMatchObject({ details: { kind: "proven" } });
    expect(context.hub.calls).toHaveLength(2);
    const waits = await asked([statusOf(rebooting)], 60 * 60_000, [rebooting]);
    expect(waits.ending).toBeInstanceOf(TimedOut);
    expect(waits.context.hub.calls.length).toBeLessThan(10);
  });

  it("says in its own words why the waiting ends without an end", async () => {
    const { ending } = await asked([statusOf(rebooting, "refused")], 10_000);
    expect(ending).toBeInstanceOf(TimedOut);
    expect(ending).toMatchObject({
      exitCode: 5,
      message: expect.stringContaining(`The board itself says: reboot rebooting (op-1). ${full}`) as string,
    });
  });

  it.each(["refused", "waiting"])("is followed itself once it has said that its reports are %s", async (state) => {
    const scheduled = twinOf({}, { phase: "scheduled", operationId: "op-1" });
    const answers = [statusOf(scheduled, state), statusOf(rebooting, state), away, statusOf(proven, state)];
    const { ending, context } = await asked(answers);
    expect(ending).toMatchObject({ details: { kind: "proven" } });
    expect(context.err.text).toMatch(/rebooting/);
  });

  it("is asked rarely also while its reports wait, and its twin is followed again once that holds them", async () => {
    const hour = 60 * 60_000;
    const waiting = await asked([statusOf(rebooting, "waiting")], hour, [rebooting]);
    expect(waiting.ending).toBeInstanceOf(TimedOut);
    expect(waiting.context.hub.calls.length).toBeLessThan(10);
    const scheduled = twinOf({}, { phase: "scheduled", operationId: "op-1" });
    const twins = [...Array.from({ length: 200 }, () => scheduled), proven];
    const again = await asked([statusOf(scheduled, "waiting"), statusOf(scheduled)], hour, twins);
    expect(again.ending).toMatchObject({ details: { kind: "proven" } });
    expect(again.context.hub.twinReads).toBe(201);
  });

  it("is not told by a twin that holds everything again, but is older than what the board has said", async () => {
    const answers = [statusOf(rebooting, "waiting"), statusOf(rebooting), statusOf(proven)];
    const { ending } = await asked(answers, 60 * 60_000);
    expect(ending).toMatchObject({ details: { kind: "proven" } });
  });

  it.each<[string, MethodReply | Error]>([
    ["offline", new DeviceOffline("Offline.")],
    ["of another agent", { status: 404, payload: { Response: "No such method." } }],
    ["of another agent that answers anything", { status: 200, payload: "yes" }],
  ])("and that is %s changes nothing", async (_what, answer) => {
    const { ending } = await asked([answer], 10_000);
    expect(ending).toMatchObject({
      exitCode: 5,
      message: "The reboot of board-1 did not end within 10 s: the board has not reported it.",
    });
  });
});
