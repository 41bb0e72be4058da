import { describe, expect, it } from "vitest";
import { sectionAt, type JsonObject } from "../../../agent/contract/json.ts";
import { parseBoardView } from "../../../service-tools/boards/board-view.ts";
import { DeviceOffline, TimedOut } from "../../../service-tools/cli/errors.ts";
import type { MethodReply } from "../../../service-tools/hub-client/hub-client.ts";
import { followToEnd } from "../../../service-tools/watch/follow.ts";
import { updateOutcome, type Outcome } from "../../../service-tools/watch/outcome.ts";
import { updateTracker } from "../../../service-tools/watch/update-tracker.ts";
import { twinOf } from "../../support/board-views.ts";
import { FakeContext } from "../../support/fake-context.ts";

const target = { deviceId: "board-1" };

describe("an end that the twin only suggests", () => {
  const firmware = { operationId: "op-2", fwVersion: "2.0.0" };
  const lastProvenUpdate = { operationId: "op-1", version: "2.0.0", at: "2026-01-02T02:00:00.000Z" };
  const resting = (update: Parameters<typeof twinOf>[0] = {}): JsonObject => {
    const twin = twinOf(
      { phase: "completed", operationId: "op-1", version: "2.0.0", ...update },
      {},
      { lastProvenUpdate, desired: { $version: 6, firmware } },
    );
    const reported = sectionAt(sectionAt(twin, "properties"), "reported");
    const boardkeeper = { ...sectionAt(reported, "boardkeeper"), firmwareVersion: "2.0.0" };
    return { ...twin, properties: { ...sectionAt(twin, "properties"), reported: { ...reported, boardkeeper } } };
  };
  const refused = { code: "version-in-use", message: "Another image runs as 2.0.0.", desiredVersion: 6 };
  const boardOf = (twin: JsonObject): JsonObject =>
    sectionAt(sectionAt(sectionAt(twin, "properties"), "reported"), "boardkeeper");

  async function declared(
    answers: (MethodReply | Error)[],
    timeoutMs: number,
  ): Promise<{ ending: Outcome | Error; calls: number }> {
    const context = new FakeContext();
    context.hub.twins = [resting()];
    let calls = 0;
    context.hub.callMethod = () => {
      const answer = answers[Math.min(calls, answers.length - 1)] ?? new DeviceOffline("Offline.");
      calls += 1;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    };
    const requested = { operationId: "op-2", version: "2.0.0", rehearsal: false, already: false, repeated: false };
    const following = followToEnd(context, context.hub, {
      target,
      what: "update",
      tracker: updateTracker(target, { ...requested, desiredVersion: 6 }, parseBoardView(resting())),
      timeoutMs,
      outcomeOf: (end) => updateOutcome(target, end),
    });
    const ending = following.catch((cause: unknown) => cause as Error);
    await Promise.race([ending, context.time.advance(timeoutMs + 60_000)]);
    return { ending: await ending, calls };
  }

  it("is none where the board does not answer: its hub may say for minutes that it is connected", async () => {
    const { ending, calls } = await declared([new DeviceOffline("Offline.")], 30 * 60_000);
    expect(ending).toBeInstanceOf(TimedOut);
    expect(calls).toBeLessThan(10);
  });

  it("is none where the board says otherwise", async () => {
    const answer = { status: 200, payload: boardOf(resting({ refused })) };
    const { ending } = await declared([new DeviceOffline("Offline."), answer], 30 * 60_000);
    expect(ending).toMatchObject({
      isGood: false,
      failure: "refused",
      message: expect.stringContaining("version-in-use") as string,
    });
  });

  it("is none before the board has handled the desired properties that declare it", async () => {
    const said = (desiredVersion: number | null, update = {}): MethodReply => ({
      status: 200,
      payload: { ...boardOf(resting(update)), link: { up: true, desiredVersion } },
    });
    const late = await declared([said(null), said(5), said(6, { refused })], 30 * 60_000);
    expect(late).toMatchObject({ calls: 3, ending: { isGood: false, failure: "refused" } });
    const read = await declared([said(5), said(6)], 30 * 60_000);
    expect(read).toMatchObject({ calls: 2, ending: { isGood: true, details: { kind: "completed" } } });
  });

  it("counts once the board says the same, after one question", async () => {
    const { ending, calls } = await declared([{ status: 200, payload: boardOf(resting()) }], 60_000);
    expect(ending).toMatchObject({ isGood: true, details: { kind: "completed", already: true } });
    expect(calls).toBe(1);
  });
});
