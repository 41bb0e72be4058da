import * as v from "valibot";
import { operationId, firmwareVersion, mirrors, packageUri } from "../contract/methods.ts";
import { failureSchema, sha256Hex, isoTimestamp, wholeNumber, shortText } from "../contract/check.ts";
import type { ResolvedImage } from "./image-name.ts";

/*
 * Jobs, states and events of a firmware update. States are saved and read back after a restart, so each has a schema and
 * takes its type from it: a state that could not be read back does not compile.
 */

const job = v.object({
  /** From the caller, or generated; twin and logs name the job by it. */
  operationId,
  /** A direct method or the desired properties. A changed desired document replaces a job that it started. */
  origin: v.picklist(["method", "desired"]),
  /** The version to install; `sha256:` and 12 hex digits where the request names none. */
  version: firmwareVersion,
  /** The image's address. May contain a signature: never logged, never reported. */
  uri: packageUri,
  /** Other addresses of the same image, as secret as the first. */
  mirrors: v.optional(mirrors),
  /** The expected digest; null for a dry run, and until it is found by the version. */
  sha256: v.nullable(sha256Hex),
  /** The size in the request; null when it gives none. */
  sizeBytes: v.nullable(wholeNumber),
  apply: v.picklist(["now", "window", "manual"]),
  /** `applyFirmwareUpdate` was called: a changed desired document does not take that back. */
  applyOrdered: v.optional(v.literal(true)),
  /** The lease: the job must leave `staged` before this time. Absent where it has none. */
  startBy: v.optional(isoTimestamp),
  /** A dry run of a simulated board: every phase with pauses; downloads nothing, changes no version. */
  rehearsal: v.boolean(),
  /**
   * Its signed target has still to be found (the duty of `accepted`). Where the request named a version alone, digest and size are
   * null until then, and the address is that of the repository.
   */
  unresolved: v.optional(v.literal(true)),
  /** What its publisher has signed. Absent before that is found, and where digests count without a signature. */
  target: v.optional(v.object({ epoch: wholeNumber })),
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

/** Digest and size of a downloaded or staged image. */
const image = v.object({ sha256: sha256Hex, sizeBytes: wholeNumber });
export type Image = Readonly<v.InferOutput<typeof image>>;

/** What starts the new system: a reboot of the board, the installer's restart of a service, or nothing. */
export const restartKinds = ["board", "service", "none"] as const;
export type RestartKind = (typeof restartKinds)[number];

/** The board before the update changed it: the health check compares with it, and a rollback returns to it. */
const before = v.object({ version: v.nullable(shortText), linkUp: v.boolean() });
export type Baseline = Readonly<v.InferOutput<typeof before>>;

const inProgress = { job, times };
const installing = { ...inProgress, image, before };

const updateState = v.variant("phase", [
  v.object({ phase: v.literal("idle") }),
  /** `attempt` counts the searches for a signed target; absent for the first, and where none is needed. */
  v.object({ phase: v.literal("accepted"), ...inProgress, attempt: v.optional(wholeNumber) }),
  v.object({ phase: v.literal("downloading"), ...inProgress, attempt: wholeNumber }),
  v.object({ phase: v.literal("verifying"), ...inProgress, image }),
  v.object({ phase: v.literal("staged"), ...inProgress, image }),
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
    /** Why the update is rolled back. */
    error: failureSchema,
    /** True once only the restart is missing: the old system is the default, or the boot loader has to fall back. */
    reverted: v.boolean(),
    fromBootId: shortText,
    /** The final phase: `rolledBack` where the new system ran, `failed` where it never did. */
    end: v.picklist(["rolledBack", "failed"]),
  }),
  v.object({ phase: v.literal("completed"), ...inProgress }),
  v.object({ phase: v.literal("failed"), ...inProgress, error: failureSchema }),
  v.object({ phase: v.literal("rolledBack"), ...inProgress, error: failureSchema }),
  /**
   * `error` says why, where nobody has called for it: its lease has expired, or its document was withdrawn or replaced. Or what is
   * left of an installation that was stopped.
   */
  v.object({ phase: v.literal("cancelled"), ...inProgress, error: v.optional(failureSchema) }),
]);
export type UpdateState = v.InferOutput<typeof updateState>;

/** What a desired document stands for, whatever else in it changes. The id is from the document, or generated with the job. */
const declaredOperation = v.object({
  operationId,
  version: firmwareVersion,
  sha256: v.nullable(sha256Hex),
  /** The document named a version alone: without this, an operation without a digest is a dry run. */
  unresolved: v.optional(v.literal(true)),
});
export type DeclaredOperation = Readonly<v.InferOutput<typeof declaredOperation>>;

/** The part of the saved agent state that is about updates. */
export const updateSlice = v.object({
  update: updateState,
  /** The last desired `firmware` document that was handled, apart from the last job: none is handled twice. */
  handledDesired: v.nullable(
    v.object({
      /** The digest of its whole content. Releases before `operation` know a document by it alone. */
      identity: sha256Hex,
      desiredVersion: wholeNumber,
      refused: v.nullable(v.object({ code: shortText, message: v.string() })),
      /** The operation that was handled last: not that of a refused document. Null where none is known; absent in older state. */
      operation: v.optional(v.nullable(declaredOperation)),
    }),
  ),
  /** The last committed update, which decides whether a request is done already. Never a dry run. */
  lastProven: v.nullable(v.object({ operationId, version: firmwareVersion, sha256: sha256Hex, at: isoTimestamp })),
});
export type UpdateSlice = v.InferOutput<typeof updateSlice>;
export type ActiveUpdate = Extract<UpdateState, { job: Job }>;

/** What can happen to an update. `at` is wall time for people; nothing is decided by it. */
export type UpdateEvent = { readonly at: string } & (
  | { readonly type: "accepted"; readonly job: Job }
  | { readonly type: "resolved"; readonly image: ResolvedImage }
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
  | { readonly type: "cancelled"; readonly error?: v.InferOutput<typeof failureSchema> }
  | { readonly type: "leaseExpired" }
);

/** Stands for a boot counter that cannot be read: treated as too many starts. */
export const unreadableCount = 999;

/** What is known after a restart of the agent, before any action. */
export interface RestartFacts {
  readonly at: string;
  /** The kernel's boot id: a changed one proves a reboot. */
  readonly bootId: string;
  /** The boot in which the state was saved. */
  readonly savedBootId: string;
  /** The running version, from the installer; null while it cannot tell, which proves nothing. */
  readonly runningVersion: string | null;
  /** True when the latest saved state is lost and this is an older one: later requests are not known. */
  readonly isOlderCopy: boolean;
  /** The boot counter: boots of an uncommitted system, this one included. */
  readonly trialBoots: number;
}
