import { describe, expect, it } from "vitest";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import {
  describeBlockingUpdate,
  isRebooting,
  isUpdateApplying,
  runningUpdateId,
  unblockReboot,
} from "../../../../agent/operations/blocking.ts";
import type { RebootState } from "../../../../agent/reboot/machine.ts";
import { jobWith, states, t } from "../../../support/updates.ts";

const changing = ["applying", "rebooting", "proving", "reverting"];
const underWay = new Set(["accepted", "downloading", "verifying", "staged", ...changing]);
const phases = Object.values(states(jobWith({ operationId: "op-1" })));
const job = { operationId: "op-2", reason: null, force: false, acceptedAt: t(0), scheduledFor: t(1) };
const waiting: RebootState = { phase: "waiting", last: null, job, bootId: "boot-1" };

const state = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), ...changes });

describe.each(phases)("an update that is $phase", (update) => {
  it("blocks a reboot while it changes the board", () => {
    const isChanging = changing.includes(update.phase);
    expect(isUpdateApplying(state({ update }))).toBe(isChanging);
    expect(describeBlockingUpdate(state({ update }))).toBe(
      isChanging ? `the update op-1 is ${update.phase}` : undefined,
    );
  });

  it("blocks an upload while it runs", () => {
    expect(runningUpdateId(state({ update }))).toBe(underWay.has(update.phase) ? "op-1" : null);
  });

  it("makes a reboot that waited due as soon as it does not change the board any more", () => {
    const reboot = changing.includes(update.phase) ? waiting : { ...waiting, dueBootMs: 5_000 };
    expect(unblockReboot(state({ reboot: waiting }), update, 5_000)).toStrictEqual({ reboot });
  });
});

it("a board that goes down blocks the release of an image", () => {
  const rebooting: RebootState = {
    phase: "rebooting",
    last: null,
    job,
    cause: "requested",
    bootId: "boot-1",
    startedAt: t(1),
  };
  expect([isRebooting(state({ reboot: rebooting })), isRebooting(state({ reboot: waiting }))]).toStrictEqual([
    true,
    false,
  ]);
});
