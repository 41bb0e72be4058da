import * as v from "valibot";
import { operationId, firmwareVersion, mirrors, packageUri } from "../contract/methods.ts";
import { failureSchema, sha256Hex, isoTimestamp, wholeNumber, shortText } from "../contract/check.ts";

/*
 * Jobs, states and events of a firmware update. States are saved to disk and read back after any restart, so each has a
 * schema, and its type is what the schema lets through: a state that could not be read back does not compile.
 */

const job = v.object({
  /** Given by the caller, or made by us; what the twin and the logs call the job. */
  operationId,
  /** Who asked: a direct method, or the desired properties. A desired-born job gives way to a changed document. */
  origin: v.picklist(["method", "desired"]),
  /** Asked for, or `sha256:` and 12 hex digits where none was: what must run in the end. */
  version: firmwareVersion,
  /** Where to fetch the image. May carry a signature: never logged, never reported. */
  uri: packageUri,
  /** Other addresses of the same image. As secret as the first. */
  mirrors: v.optional(mirrors),
  /** The digest that the image must have; null for a rehearsal. */
  sha256: v.nullable(sha256Hex),
  /** The size that the caller promised. */
  sizeBytes: v.nullable(wholeNumber),
  apply: v.picklist(["now", "window", "manual"]),
  /** Walks every phase of a simulated board with pauses; fetches nothing, changes no version, proves nothing. */
  rehearsal: v.boolean(),
});
export type Job = Readonly<v.InferOutput<typeof job>>;

const times = v.object({
  accepted: v.optional(isoTimestamp),
  downloading: v.optional(isoTimestamp),
  verifying: v.optional(isoTimestamp),
  staged: v.optional(isoTimestamp),
  applying: v.optional(isoTimestamp),
  rebooting: v.optional(isoTimestamp),
  proving: v.optional(isoTimestamp),
  reverting: v.optional(isoTimestamp),
  ended: v.optional(isoTimestamp),
});

/** An image as it was measured while it arrived, or as it lies in the staging area. */
const image = v.object({ sha256: sha256Hex, sizeBytes: wholeNumber });
export type Image = Readonly<v.InferOutput<typeof image>>;

/** How the new system comes to run: the board reboots, the installer restarts a service, or nothing restarts. */
export const restartKinds = ["board", "service", "none"] as const;
export type RestartKind = (typeof restartKinds)[number];

/** The board as it was before anything of it was changed: what "healthy" is compared with, and what to go back to. */
const before = v.object({ version: v.nullable(shortText), linkUp: v.boolean() });
export type Baseline = Readonly<v.InferOutput<typeof before>>;

const onTheWay = { job, times };
const installing = { ...onTheWay, image, before };

export const updateState = v.variant("phase", [
  v.object({ phase: v.literal("idle") }),
  v.object({ phase: v.literal("accepted"), ...onTheWay }),
  v.object({ phase: v.literal("downloading"), ...onTheWay, attempt: wholeNumber }),
  v.object({ phase: v.literal("verifying"), ...onTheWay, image }),
  v.object({ phase: v.literal("staged"), ...onTheWay, image }),
  v.object({
    phase: v.literal("applying"),
    ...installing,
    attempt: wholeNumber,
    installed: v.nullable(v.picklist(restartKinds)),
  }),
  v.object({
    phase: v.literal("rebooting"),
    ...installing,
    attempt: wholeNumber,
    armed: v.boolean(),
    fromBootId: shortText,
  }),
  v.object({ phase: v.literal("proving"), ...installing, restart: v.picklist(restartKinds), proven: v.boolean() }),
  v.object({
    phase: v.literal("reverting"),
    ...installing,
    restart: v.picklist(restartKinds),
    attempt: wholeNumber,
    /** Why it goes back. */
    error: failureSchema,
    /** True once only the restart is missing: the old system is the default again, or nothing but its boot loader is left. */
    reverted: v.boolean(),
    fromBootId: shortText,
    /** Where this ends: back from a system that ran, or from one that never came to run. */
    end: v.picklist(["rolledBack", "failed"]),
  }),
  v.object({ phase: v.literal("completed"), ...onTheWay }),
  v.object({ phase: v.literal("failed"), ...onTheWay, error: failureSchema }),
  v.object({ phase: v.literal("rolledBack"), ...onTheWay, error: failureSchema }),
  v.object({ phase: v.literal("cancelled"), ...onTheWay }),
]);
export type UpdateState = v.InferOutput<typeof updateState>;

/** The part of the saved agent state that is about updates. */
export const updateSlice = v.object({
  update: updateState,
  /** The last desired `firmware` document that was handled, apart from the last job: none is handled twice. */
  handledDesired: v.nullable(
    v.object({
      identity: sha256Hex,
      desiredVersion: wholeNumber,
      refused: v.nullable(v.object({ code: shortText, message: v.string() })),
    }),
  ),
  /** The last update that was proven: what "already done" is measured by. Never a dry run. */
  lastProven: v.nullable(v.object({ operationId, version: firmwareVersion, sha256: sha256Hex, at: isoTimestamp })),
});
export type UpdateSlice = v.InferOutput<typeof updateSlice>;
export type ActiveUpdate = Extract<UpdateState, { job: Job }>;

/** What can happen to an update. `at` is wall time as a label only; it decides nothing. */
export type UpdateEvent = { readonly at: string } & (
  | { readonly type: "accepted"; readonly job: Job }
  | { readonly type: "spaceReserved" }
  | { readonly type: "downloaded"; readonly image: Image }
  | { readonly type: "verified" }
  | { readonly type: "applyAllowed"; readonly before: Baseline }
  | { readonly type: "installed"; readonly restart: RestartKind; readonly bootId: string }
  | { readonly type: "armed" }
  | { readonly type: "proven" }
  | { readonly type: "committed" }
  | { readonly type: "reverted"; readonly restartNeeded: boolean }
  | { readonly type: "failed"; readonly error: v.InferOutput<typeof failureSchema>; readonly bootId: string }
  | { readonly type: "cancelled" }
);

/** A count of starts that is damaged or cannot be read: as good as too many. */
export const unreadableCount = 999;

/** What is known after a restart of the agent, before anything is done. */
export interface RestartFacts {
  readonly at: string;
  /** The kernel's boot id: another one than before proves that the board went through a reboot. */
  readonly bootId: string;
  /** The boot in which the state was saved. */
  readonly savedBootId: string;
  /** The version that runs now, as the installer reads it; null while that cannot be told, which proves nothing. */
  readonly runningVersion: string | null;
  /** True when the last saved state is lost and this is an older one: what was asked for since is not known. */
  readonly isOlderCopy: boolean;
  /** How often a system was started while an update was not proven, this start included: from its own small record. */
  readonly trialBoots: number;
}
