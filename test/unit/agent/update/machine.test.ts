import { describe, expect, it } from "vitest";
import { updatePhases } from "../../../../agent/contract/snapshot.ts";
import {
  unreadableCount,
  type RestartFacts,
  type UpdateEvent,
  type UpdateState,
} from "../../../../agent/update/job.ts";
import { actionFor, isCancellable, isPastStaging, isRunning, step } from "../../../../agent/update/machine.ts";
import { recoverUpdate } from "../../../../agent/update/recover.ts";
import { attemptLimits } from "../../../../agent/update/transitions.ts";
import { before, image, jobWith, states, t } from "../../../support/updates.ts";

const job = jobWith();
const s = states(job);
const at = t(30);
const error = { code: "http-status", during: "downloading", message: "The server answered 404." };
const bootId = "boot-1";

const events = {
  accepted: { type: "accepted", job: jobWith({ operationId: "op-2" }), at },
  spaceReserved: { type: "spaceReserved", at },
  downloaded: { type: "downloaded", image, at },
  verified: { type: "verified", at },
  applyAllowed: { type: "applyAllowed", before, at },
  installedForBoard: { type: "installed", restart: "board", bootId, at },
  installedForService: { type: "installed", restart: "service", bootId, at },
  installedForNothing: { type: "installed", restart: "none", bootId, at },
  armed: { type: "armed", at },
  proven: { type: "proven", at },
  committed: { type: "committed", at },
  reverted: { type: "reverted", restartNeeded: false, at },
  revertedButRunning: { type: "reverted", restartNeeded: true, at },
  failed: { type: "failed", error, bootId, at },
  cancelled: { type: "cancelled", at },
} satisfies Record<string, UpdateEvent>;
type EventName = keyof typeof events;

const installed: UpdateState = { ...s.applying, installed: "service" };
const unarmed: UpdateState = { ...s.rebooting, armed: false };
const proven: UpdateState = { ...s.proving, proven: true };
const turnedBack: UpdateState = { ...s.reverting, reverted: true };

/** Start, event, target. What is not in the table is not answered: that is tested for all other pairs below. */
const lastly = { ...s.reverting, attempt: attemptLimits.reverts };
const table: [start: string, state: UpdateState, event: EventName, target: UpdateState["phase"], detail: object][] = [
  ["idle", s.idle, "accepted", "accepted", { job: events.accepted.job, times: { accepted: at } }],
  ["completed", s.completed, "accepted", "accepted", { times: { accepted: at } }],
  ["failed", s.failed, "accepted", "accepted", { times: { accepted: at } }],
  ["rolledBack", s.rolledBack, "accepted", "accepted", { times: { accepted: at } }],
  ["cancelled", s.cancelled, "accepted", "accepted", { times: { accepted: at } }],
  ["accepted", s.accepted, "spaceReserved", "downloading", { job, attempt: 1 }],
  ["accepted", s.accepted, "failed", "failed", { error }],
  ["accepted", s.accepted, "cancelled", "cancelled", {}],
  ["downloading", s.downloading, "downloaded", "verifying", { image }],
  ["downloading", s.downloading, "failed", "failed", { error }],
  ["downloading", s.downloading, "cancelled", "cancelled", {}],
  ["verifying", s.verifying, "verified", "staged", { image }],
  ["verifying", s.verifying, "failed", "failed", { error }],
  ["verifying", s.verifying, "cancelled", "cancelled", {}],
  ["staged", s.staged, "applyAllowed", "applying", { image, before, attempt: 1, installed: null }],
  ["staged", s.staged, "failed", "failed", { error }],
  ["staged", s.staged, "cancelled", "cancelled", {}],
  ["applying", s.applying, "installedForBoard", "rebooting", { armed: false, attempt: 1, fromBootId: bootId, before }],
  ["applying", s.applying, "installedForService", "applying", { installed: "service" }],
  ["applying", s.applying, "installedForNothing", "applying", { installed: "none" }],
  ["applying", s.applying, "failed", "failed", { error }],
  ["applying, installed", installed, "armed", "proving", { restart: "service", proven: false }],
  ["applying, installed", installed, "failed", "reverting", { end: "failed", error, restart: "service" }],
  ["rebooting, unarmed", unarmed, "armed", "rebooting", { armed: true }],
  ["rebooting, unarmed", unarmed, "failed", "reverting", { end: "failed", error, restart: "board" }],
  ["rebooting", s.rebooting, "failed", "reverting", { end: "failed", error, restart: "board", reverted: false }],
  ["proving", s.proving, "proven", "proving", { proven: true }],
  ["proving", s.proving, "failed", "reverting", { end: "rolledBack", error, restart: "board", attempt: 1 }],
  ["proving, proven", proven, "committed", "completed", { job }],
  ["proving, proven", proven, "failed", "reverting", { end: "rolledBack", error }],
  ["reverting", s.reverting, "reverted", "rolledBack", { error: s.reverting.error }],
  ["reverting to failed", { ...s.reverting, end: "failed" }, "reverted", "failed", { error: s.reverting.error }],
  ["reverting", s.reverting, "revertedButRunning", "reverting", { reverted: true }],
  ["reverting", s.reverting, "failed", "reverting", { attempt: 2, reverted: false, fromBootId: bootId }],
  ["reverting, reverted", turnedBack, "failed", "reverting", { attempt: 2, reverted: false, fromBootId: bootId }],
  ["reverting for the last time", lastly, "failed", "reverting", { reverted: true, fromBootId: bootId }],
  ["reverting a service for the last time", { ...lastly, restart: "service" }, "failed", "failed", { error }],
  ["reverting for the last time what never ran", { ...lastly, end: "failed" }, "failed", "failed", { error }],
  ["reverted for the last time", { ...lastly, reverted: true }, "failed", "failed", { error }],
];

const starts: [string, UpdateState][] = [
  ...Object.entries(s),
  ["applying, installed", installed],
  ["rebooting, unarmed", unarmed],
  ["proving, proven", proven],
  ["reverting, reverted", turnedBack],
];

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

const sameBoot: RestartFacts = {
  at,
  bootId: "boot-1",
  savedBootId: "boot-1",
  runningVersion: "1.0.0",
  isOlderCopy: false,
  trialBoots: 0,
};
const newSystem: RestartFacts = { ...sameBoot, bootId: "boot-2", runningVersion: "2.0.0", trialBoots: 1 };
const oldSystem: RestartFacts = { ...sameBoot, bootId: "boot-2", trialBoots: 1 };
const unknown: RestartFacts = { ...oldSystem, runningVersion: null };
const rehearsing = states(jobWith({ rehearsal: true, sha256: null }));

const resumes: [what: string, state: UpdateState, facts: RestartFacts, target: object][] = [
  ...(["idle", "accepted", "verifying", "staged", "completed", "failed", "rolledBack", "cancelled"] as const).map(
    (phase): [string, UpdateState, RestartFacts, object] => [`${phase} stays`, s[phase], oldSystem, s[phase]],
  ),
  ["a download begins again", s.downloading, oldSystem, { phase: "downloading", attempt: 2 }],
  [
    "a download cut off too often fails",
    { ...s.downloading, attempt: attemptLimits.downloads },
    oldSystem,
    { phase: "failed", error: { code: "interrupted-too-often", during: "downloading" } },
  ],
  ["an installation begins again", s.applying, sameBoot, { phase: "applying", attempt: 2, installed: null }],
  [
    "an installation cut off too often fails",
    { ...s.applying, attempt: attemptLimits.installs },
    sameBoot,
    { phase: "failed", error: { code: "interrupted-too-often", during: "applying" } },
  ],
  ["an installed service is armed again", installed, sameBoot, { ...installed, attempt: 2 }],
  [
    "arming a service was cut off too often",
    { ...installed, attempt: attemptLimits.arms },
    sameBoot,
    { phase: "reverting", end: "failed", restart: "service", error: { code: "interrupted-too-often" } },
  ],
  ["the agent alone was restarted before the reboot", s.rebooting, sameBoot, { ...s.rebooting, attempt: 2 }],
  ["the agent alone was restarted before arming", unarmed, sameBoot, { ...unarmed, attempt: 2 }],
  [
    "the agent was restarted too often before the reboot",
    { ...s.rebooting, attempt: attemptLimits.reboots },
    sameBoot,
    { phase: "reverting", end: "failed", error: { code: "interrupted-too-often" } },
  ],
  ["the new system came up", s.rebooting, newSystem, { phase: "proving", restart: "board", proven: false }],
  ["the new system came up although arming was not noted", unarmed, newSystem, { phase: "proving" }],
  [
    "the new system did not come up",
    s.rebooting,
    oldSystem,
    { phase: "reverting", end: "rolledBack", error: { code: "fell-back" }, fromBootId: "boot-2" },
  ],
  ["what runs after the reboot cannot be told yet", s.rebooting, unknown, { phase: "proving", proven: false }],
  ["what runs cannot be told, and arming was not noted", unarmed, unknown, { phase: "proving", proven: false }],
  ["what runs cannot be told while proving", s.proving, unknown, s.proving],
  ["what runs cannot be told, but was proven in this boot", proven, { ...unknown, bootId: "boot-1" }, proven],
  ["what runs cannot be told, and was proven in another boot", proven, unknown, { phase: "proving", proven: false }],
  [
    "what runs cannot be told on the way back",
    turnedBack,
    { ...unknown, bootId: "boot-3" },
    { phase: "reverting", reverted: false, attempt: 2 },
  ],
  [
    "the board went down before arming",
    unarmed,
    oldSystem,
    { phase: "rebooting", attempt: 2, armed: false, fromBootId: "boot-2" },
  ],
  [
    "the board went down before arming too often",
    { ...unarmed, attempt: attemptLimits.reboots },
    oldSystem,
    { phase: "reverting", end: "failed", error: { code: "interrupted-too-often" } },
  ],
  ["a rehearsal came through its reboot", rehearsing.rebooting, oldSystem, { phase: "proving" }],
  ["proving goes on after a crash", s.proving, { ...newSystem, bootId: "boot-1" }, s.proving],
  ["proving goes on after another reboot", s.proving, { ...newSystem, bootId: "boot-3" }, s.proving],
  [
    "the new system keeps restarting",
    s.proving,
    { ...newSystem, trialBoots: attemptLimits.trialBoots + 1 },
    { phase: "reverting", end: "rolledBack", error: { code: "restarts-too-often" } },
  ],
  [
    "the new system keeps restarting from its first boot on",
    s.rebooting,
    { ...newSystem, trialBoots: attemptLimits.trialBoots + 1 },
    { phase: "reverting", end: "rolledBack", error: { code: "restarts-too-often" } },
  ],
  [
    "the boot loader fell back while it was being proven",
    s.proving,
    oldSystem,
    { phase: "reverting", end: "rolledBack", error: { code: "fell-back" } },
  ],
  [
    "a proven system is committed, also where the count cannot be read",
    proven,
    { ...newSystem, savedBootId: "boot-2", trialBoots: unreadableCount },
    proven,
  ],
  ["a proof holds for its own boot", proven, newSystem, { phase: "proving", proven: false }],
  [
    "a proven system that fell back before its commit goes back",
    proven,
    oldSystem,
    { phase: "reverting", end: "rolledBack", error: { code: "fell-back" } },
  ],
  [
    "going back goes on",
    s.reverting,
    newSystem,
    { phase: "reverting", reverted: false, attempt: 2, fromBootId: "boot-2" },
  ],
  [
    "the old system is back",
    turnedBack,
    { ...oldSystem, bootId: "boot-3" },
    { phase: "rolledBack", error: s.reverting.error },
  ],
  [
    "the new system runs again although it was reverted",
    turnedBack,
    { ...newSystem, bootId: "boot-3" },
    { phase: "reverting", reverted: false, attempt: 2, fromBootId: "boot-3" },
  ],
  ["only the agent was restarted on the way back", turnedBack, oldSystem, turnedBack],
  [
    "going back was cut off three times, and a board that is left like this may be lost",
    { ...s.reverting, attempt: 3 },
    newSystem,
    { phase: "reverting", reverted: false, attempt: 4 },
  ],
  [
    "going back was cut off too often",
    { ...s.reverting, attempt: attemptLimits.reverts },
    newSystem,
    { phase: "failed", error: { code: "interrupted-too-often", during: "reverting" } },
  ],
];

describe("resume", () => {
  it.each(resumes)("%s", (_what, state, facts, target) => {
    expect(recoverUpdate(state, facts)).toMatchObject(target);
  });

  const worn = "interrupted-too-often";
  it.each<[what: string, state: UpdateState, facts: RestartFacts, failure: object]>([
    [
      "a download",
      { ...s.downloading, attempt: attemptLimits.downloads },
      sameBoot,
      told(worn, "downloading", /download was/),
    ],
    [
      "an installation",
      { ...s.applying, attempt: attemptLimits.installs },
      sameBoot,
      told(worn, "applying", /installer was/),
    ],
    [
      "arming",
      { ...installed, attempt: attemptLimits.arms },
      sameBoot,
      told(worn, "applying", /switching over was cut off \d/),
    ],
    [
      "the agent before a reboot",
      { ...s.rebooting, attempt: attemptLimits.reboots },
      sameBoot,
      told(worn, "rebooting", /the agent was cut off on the way/),
    ],
    [
      "the board before arming",
      { ...unarmed, attempt: attemptLimits.reboots },
      oldSystem,
      told(worn, "rebooting", /the board went down before/),
    ],
    [
      "going back",
      { ...s.reverting, attempt: attemptLimits.reverts },
      newSystem,
      told(worn, "reverting", /going back was/),
    ],
    [
      "a new system that did not come up",
      s.rebooting,
      oldSystem,
      told("fell-back", "rebooting", /does not run 2\.0\.0/),
    ],
    [
      "a new system that keeps restarting",
      s.proving,
      { ...newSystem, trialBoots: attemptLimits.trialBoots + 1 },
      told("restarts-too-often", "proving", /without being proven healthy/),
    ],
    [
      "a new system whose starts could not be counted",
      s.proving,
      { ...newSystem, trialBoots: unreadableCount },
      told("restarts-too-often", "proving", /count of the new system's starts is damaged/),
    ],
  ])("says what happened, when, and what to do, of %s", (_what, state, facts, failure) => {
    expect(recoverUpdate(state, facts)).toMatchObject({ error: failure });
  });

  it.each<[what: string, state: UpdateState, facts: RestartFacts]>([
    ["was never armed", { ...unarmed, attempt: attemptLimits.reboots }, sameBoot],
    ["did not come up", s.rebooting, oldSystem],
    ["keeps restarting", s.rebooting, { ...newSystem, trialBoots: attemptLimits.trialBoots + 1 }],
  ])("goes back with a reboot from a new system that %s", (_what, state, facts) => {
    expect(recoverUpdate(state, facts)).toMatchObject({ phase: "reverting", restart: "board" });
  });

  it.each([s.rebooting, s.proving])("lets a new system start as often as it may: $phase", (state) => {
    expect(recoverUpdate(state, { ...newSystem, trialBoots: attemptLimits.trialBoots })).toMatchObject({
      phase: "proving",
    });
  });

  /** Boots as a board may have them that never comes to rest: what runs changes, stays or cannot be told. */
  const fates: [string, (boot: number) => string | null][] = [
    ["the old system", () => "1.0.0"],
    ["the new system", () => "2.0.0"],
    ["now this, now that", (boot) => (boot % 2 === 0 ? "2.0.0" : "1.0.0")],
    ["nobody knows what", () => null],
  ];
  const busy = starts.filter(
    ([, state]) => isRunning(state) && !["accepted", "verifying", "staged"].includes(state.phase),
  );
  describe.each(fates)("with %s running", (_what, runningAt) => {
    it.each(busy)("%s ends after restarts without number, of the board or of the agent", (_start, begin) => {
      for (const rebooting of [true, false]) {
        let state = begin;
        let savedBootId = "boot-1";
        for (let boot = 2; boot <= 250 && isRunning(state); boot += 1) {
          const facts = { at, savedBootId, runningVersion: runningAt(boot), trialBoots: boot, isOlderCopy: false };
          const thisBoot = rebooting ? `boot-${boot}` : savedBootId;
          state = recoverUpdate(state, { ...facts, bootId: thisBoot });
          savedBootId = thisBoot;
        }
        // Where nothing more is missing than a commit, it is done at each start, whatever else happens.
        const onlyToCommit = state.phase === "proving" && state.proven;
        expect(isRunning(state)).toBe(onlyToCommit);
      }
    });
  });
});

function told(code: string, during: string, message: RegExp): object {
  return { code, during, message: expect.stringMatching(new RegExp(`${message.source}.*\\.$`)) };
}

describe("action", () => {
  const actions: [string, UpdateState, string | undefined][] = [
    ["idle", s.idle, undefined],
    ["accepted", s.accepted, "reserveSpace"],
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
      isCancellable(s[phase]),
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
