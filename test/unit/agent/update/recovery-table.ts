import { unreadableCount, type Job, type RestartFacts, type UpdateState } from "../../../../agent/update/job.ts";
import { attemptLimits } from "../../../../agent/update/machine.ts";
import { jobWith, states } from "../../../support/updates.ts";
import { at, installed, proven, s, turnedBack, unarmed } from "./transitions-table.ts";

/*
 * Every state that can lie on disk when the agent starts, times everything that can be true then: one cell each. All were
 * saved in boot-1; what waits for a reboot waits for the end of that boot.
 */

function statesOf(job: Job) {
  const good = states(job);
  const armingService = { ...good.applying, installed: "service" as const };
  const toBeArmed = { ...good.rebooting, armed: false };
  const reverting = { ...good.reverting, fromBootId: "boot-1" };
  const turned = { ...reverting, reverted: true };
  return {
    idle: good.idle,
    accepted: good.accepted,
    downloading: good.downloading,
    "downloading for the last time": { ...good.downloading, attempt: attemptLimits.downloads },
    verifying: good.verifying,
    staged: good.staged,
    installing: good.applying,
    "installing for the last time": { ...good.applying, attempt: attemptLimits.installs },
    "installed, a service": armingService,
    "installed, a service, for the last time": { ...armingService, attempt: attemptLimits.arms },
    "to be armed": toBeArmed,
    "to be armed for the last time": { ...toBeArmed, attempt: attemptLimits.reboots },
    armed: good.rebooting,
    "armed for the last time": { ...good.rebooting, attempt: attemptLimits.reboots },
    proving: good.proving,
    proven: { ...good.proving, proven: true },
    reverting,
    "reverting for the last time": { ...reverting, attempt: attemptLimits.reverts },
    reverted: turned,
    "reverted for the last time": { ...turned, attempt: attemptLimits.reverts },
    "reverted from a system that never ran": { ...turned, end: "failed" as const },
    completed: good.completed,
    failed: good.failed,
    rolledBack: good.rolledBack,
    cancelled: good.cancelled,
  } satisfies Record<string, UpdateState>;
}
export type SavedState = keyof ReturnType<typeof statesOf>;

/** Every state that can be saved, by what a person would call it. */
export function savedStates(job: Job = jobWith()): Readonly<Record<SavedState, UpdateState>> {
  return statesOf(job);
}

/** The columns: in the same boot, the new system runs, the old one, nobody knows which; then the same in another boot. */
export const columns = [
  ["boot-1", "2.0.0"],
  ["boot-1", "1.0.0"],
  ["boot-1", null],
  ["boot-2", "2.0.0"],
  ["boot-2", "1.0.0"],
  ["boot-2", null],
] as const;
type Row = readonly [string, string, string, string, string, string];

export const each = (cell: string): Row => [cell, cell, cell, cell, cell, cell];
export const worn = "interrupted-too-often";
const fell = "reverting 1 to rolledBack: fell-back";
const many = "reverting 1 to rolledBack: restarts-too-often";
const gone = `reverting 1 to failed: ${worn}`;
const old = "rolledBack: not-proven";

/** Where the new system was started a few times, and where too often. One row where that makes no difference. */
export const recoveries: Readonly<Record<SavedState, { readonly few: Row; readonly many: Row } | Row>> = {
  idle: each("stays"),
  accepted: each("stays"),
  downloading: each("downloading 2"),
  "downloading for the last time": each(`failed: ${worn}`),
  verifying: each("stays"),
  staged: each("stays"),
  installing: each("applying 2"),
  "installing for the last time": each(`failed: ${worn}`),
  "installed, a service": each("applying 2 installed"),
  "installed, a service, for the last time": each(gone),
  "to be armed": {
    few: [
      "rebooting 2 unarmed",
      "rebooting 2 unarmed",
      "rebooting 2 unarmed",
      "proving",
      "rebooting 2 unarmed",
      "proving",
    ],
    many: ["rebooting 2 unarmed", "rebooting 2 unarmed", "rebooting 2 unarmed", many, "rebooting 2 unarmed", many],
  },
  "to be armed for the last time": {
    few: [gone, gone, gone, "proving", gone, "proving"],
    many: [gone, gone, gone, many, gone, many],
  },
  armed: {
    few: ["rebooting 2 armed", "rebooting 2 armed", "rebooting 2 armed", "proving", fell, "proving"],
    many: ["rebooting 2 armed", "rebooting 2 armed", "rebooting 2 armed", many, fell, many],
  },
  "armed for the last time": {
    few: [gone, gone, gone, "proving", fell, "proving"],
    many: [gone, gone, gone, many, fell, many],
  },
  proving: {
    few: ["stays", fell, "stays", "stays", fell, "stays"],
    many: [many, fell, many, many, fell, many],
  },
  proven: {
    few: ["stays", fell, "stays", "proving", fell, "proving"],
    many: ["stays", fell, "stays", many, fell, many],
  },
  reverting: each("reverting 2 to rolledBack: not-proven"),
  "reverting for the last time": each(`failed: ${worn}`),
  reverted: [
    "stays",
    "stays",
    "stays",
    "reverting 2 to rolledBack: not-proven",
    old,
    "reverting 2 to rolledBack: not-proven",
  ],
  "reverted for the last time": ["stays", "stays", "stays", `failed: ${worn}`, old, `failed: ${worn}`],
  "reverted from a system that never ran": [
    "stays",
    "stays",
    "stays",
    "reverting 2 to failed: not-proven",
    "failed: not-proven",
    "reverting 2 to failed: not-proven",
  ],
  completed: each("stays"),
  failed: each("stays"),
  rolledBack: each("stays"),
  cancelled: each("stays"),
};

export const sameBoot: RestartFacts = {
  at,
  bootId: "boot-1",
  savedBootId: "boot-1",
  runningVersion: "1.0.0",
  isOlderCopy: false,
  trialBoots: 0,
};
export const newSystem: RestartFacts = { ...sameBoot, bootId: "boot-2", runningVersion: "2.0.0", trialBoots: 1 };
export const oldSystem: RestartFacts = { ...sameBoot, bootId: "boot-2", trialBoots: 1 };
const unknown: RestartFacts = { ...oldSystem, runningVersion: null };
const rehearsing = states(jobWith({ rehearsal: true, sha256: null }));

/** What was saved, what is true after the restart, and what the recovered state has. */
export const restarts: [what: string, state: UpdateState, facts: RestartFacts, target: object][] = [
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
