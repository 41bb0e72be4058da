import { attemptLimits } from "../../../../agent/update/machine.ts";
import type { UpdateEvent, UpdateState } from "../../../../agent/update/job.ts";
import { before, image, jobWith, states, t } from "../../../support/updates.ts";

/* The transitions of the update machine as a table: the specification that machine.test.ts checks. */

export const job = jobWith();
export const s = states(job);
export const at = t(30);
export const error = { code: "http-status", during: "downloading", message: "The server answered 404." };
export const bootId = "boot-1";

export const events = {
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
export type EventName = keyof typeof events;

export const installed = { ...s.applying, installed: "service" } as const satisfies UpdateState;
export const unarmed = { ...s.rebooting, armed: false } as const satisfies UpdateState;
export const proven = { ...s.proving, proven: true } as const satisfies UpdateState;
export const turnedBack = { ...s.reverting, reverted: true } as const satisfies UpdateState;

const lastly = { ...s.reverting, attempt: attemptLimits.reverts };
/** Start, event, target. The machine answers nothing else: machine.test.ts tests every other pair. */
export const table: [
  start: string,
  state: UpdateState,
  event: EventName,
  target: UpdateState["phase"],
  detail: object,
][] = [
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

export const starts: [string, UpdateState][] = [
  ...Object.entries(s),
  ["applying, installed", installed],
  ["rebooting, unarmed", unarmed],
  ["proving, proven", proven],
  ["reverting, reverted", turnedBack],
];

/** The arrows of the state diagram, each once: phase, event, phase. */
export const transitions: readonly (readonly [from: string, event: string, to: string])[] = [
  ...new Map(
    table.map(([, { phase }, event, target]) => {
      const arrow = [phase, events[event].type, target] as const;
      return [arrow.join(" "), arrow] as const;
    }),
  ).values(),
];
