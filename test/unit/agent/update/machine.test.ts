import { describe, expect, it } from "vitest";
import { updatePhases } from "../../../../agent/contract/snapshot.ts";
import type { UpdateState } from "../../../../agent/update/job.ts";
import { actionFor, isBeforeInstall, isPastStaging, isRunning, step } from "../../../../agent/update/machine.ts";
import {
  at,
  error,
  events,
  installed,
  job,
  proven,
  s,
  starts,
  table,
  turnedBack,
  unarmed,
  unresolved,
  versionAlone,
  type EventName,
} from "../../../fixtures/update-machine/transitions.ts";

describe("step", () => {
  it.each(table)("%s + %s", (_start, state, event, target, detail) => {
    const next = step(state, events[event]);
    expect(next).toMatchObject({ phase: target, ...detail });
  });

  const unanswered = starts.flatMap(([start, state]) =>
    (Object.keys(events) as EventName[])
      .filter((event) => !table.some(([known, , answered]) => known === start && answered === event))
      .map((event): [string, EventName, UpdateState] => [start, event, state]),
  );
  it.each(unanswered)("%s does not answer %s", (_start, event, state) => {
    expect(step(state, events[event])).toBeUndefined();
  });

  it("stamps each phase that it enters and keeps the stamps of those before", () => {
    expect(step(s.downloading, events.downloaded)).toMatchObject({ times: { ...s.downloading.times, verifying: at } });
    expect(step(s.staged, events.cancelled)).toMatchObject({ times: { ...s.staged.times, ended: at } });
    expect(step(s.rebooting, events.failed)).toMatchObject({ times: { ...s.rebooting.times, reverting: at } });
  });

  it("never lets a job that was not accepted come into being", () => {
    const answered = (Object.keys(events) as EventName[]).filter((event) => step(s.idle, events[event]) !== undefined);
    expect(answered).toStrictEqual(["accepted"]);
  });
});

describe("action", () => {
  const actions: [string, UpdateState, string | undefined][] = [
    ["idle", s.idle, undefined],
    ["accepted", s.accepted, "reserveSpace"],
    ["accepted, a version", versionAlone, "resolve"],
    ["accepted, a digest", unresolved, "resolve"],
    ["downloading", s.downloading, "download"],
    ["verifying", s.verifying, "checkAndStage"],
    ["staged", s.staged, "awaitApplyAllowed"],
    ["applying", s.applying, "install"],
    ["applying, installed", installed, "arm"],
    ["rebooting, unarmed", unarmed, "arm"],
    ["rebooting", s.rebooting, "reboot"],
    ["proving", s.proving, "checkHealth"],
    ["proving, proven", proven, "commit"],
    ["reverting", s.reverting, "revert"],
    ["reverting, reverted", turnedBack, "reboot"],
    ["completed", s.completed, "cleanUp"],
    ["failed", s.failed, "cleanUp"],
    ["rolledBack", s.rolledBack, "cleanUp"],
    ["cancelled", s.cancelled, "cleanUp"],
  ];
  it.each(actions)("%s", (_start, state, kind) => {
    expect(actionFor(state)?.kind).toBe(kind);
  });

  it.each<[what: string, state: UpdateState, keepsPartial: boolean]>([
    ["was cancelled", s.cancelled, true],
    ["was refused by the server", { ...s.failed, error }, true],
    ["was another image", { ...s.failed, error: { ...error, code: "bad-digest" } }, false],
    ["came to its proof", s.completed, false],
    ["went back", s.rolledBack, false],
  ])("keeps what has arrived of a job that %s: %s", (_what, state, keepsPartial) => {
    expect(actionFor(state)).toStrictEqual({ kind: "cleanUp", job, keepsPartial });
  });
});

describe("where a job stands", () => {
  it("knows for every phase whether it can be cancelled, is past staging, or is over", () => {
    const where = updatePhases.map((phase) => [
      phase,
      isBeforeInstall(s[phase]),
      isPastStaging(s[phase]),
      isRunning(s[phase]),
    ]);
    expect(where).toStrictEqual([
      ["idle", false, false, false],
      ["accepted", true, false, true],
      ["downloading", true, false, true],
      ["verifying", true, false, true],
      ["staged", true, false, true],
      ["applying", false, true, true],
      ["rebooting", false, true, true],
      ["proving", false, true, true],
      ["reverting", false, true, true],
      ["completed", false, false, false],
      ["failed", false, false, false],
      ["rolledBack", false, false, false],
      ["cancelled", false, false, false],
    ]);
  });
});
