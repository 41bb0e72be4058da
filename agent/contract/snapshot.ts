import type { Failure } from "./failure.ts";

/** Every phase of a firmware update: first in the order of a successful one, then the other ways it can end. */
export const updatePhases = [
  "idle",
  "accepted",
  "downloading",
  "verifying",
  "staged",
  "applying",
  "rebooting",
  "proving",
  "reverting",
  "completed",
  "failed",
  "rolledBack",
  "cancelled",
] as const;
export type UpdatePhase = (typeof updatePhases)[number];

export const rebootPhases = ["idle", "scheduled", "waiting", "rebooting", "proven", "failed", "cancelled"] as const;
export type RebootPhase = (typeof rebootPhases)[number];

/** Why a board rebooted: somebody requested it, an update needed it, or another cause (power cut, crash, reset button). */
export type RebootCause = "requested" | "update" | "other";

/** ISO 8601 in UTC with milliseconds, 24 characters: the tutorials print a fixed slice of the twin's text. */
type Timestamp = string;

/** When each phase of the current job began. `ended` is the time of completed, failed, rolledBack or cancelled. */
export interface PhaseTimes {
  readonly accepted?: Timestamp | undefined;
  readonly downloading?: Timestamp | undefined;
  readonly verifying?: Timestamp | undefined;
  readonly staged?: Timestamp | undefined;
  readonly applying?: Timestamp | undefined;
  readonly rebooting?: Timestamp | undefined;
  readonly proving?: Timestamp | undefined;
  readonly reverting?: Timestamp | undefined;
  readonly ended?: Timestamp | undefined;
}

export interface UpdateSnapshot {
  readonly phase: UpdatePhase;
  readonly operationId: string | null;
  /** The version that the job installs. */
  readonly version: string | null;
  readonly rehearsal: boolean;
  readonly times: PhaseTimes;
  readonly receivedBytes: number | null;
  readonly totalBytes: number | null;
  /** How often the current phase was started: more than 1 after a restart of the agent or the board. */
  readonly attempt: number | null;
  /** The time by which it must begin to change the board; null where it has none. */
  readonly startBy: Timestamp | null;
  /**
   * What a staged image waits for: a maintenance window, a synchronized clock (to know the window, or whether `startBy` has
   * passed), or `applyFirmwareUpdate`.
   */
  readonly waitsFor: "window" | "clock" | "order" | null;
  /** When its maintenance window opens; null while that is unknown, or it waits for something else. */
  readonly waitsUntil: Timestamp | null;
  /** Why a download or another step waits before its next attempt, or why the window that it waits for never opens. */
  readonly delay: { readonly code: string; readonly message: string } | null;
  readonly error: Failure | null;
  /** The last desired document that was refused, until a valid one is handled. */
  readonly refused: { readonly code: string; readonly message: string; readonly desiredVersion: number } | null;
}

export interface RebootSnapshot {
  readonly phase: RebootPhase;
  readonly operationId: string | null;
  readonly reason: string | null;
  readonly scheduledFor: Timestamp | null;
  /** Why the maintenance window that it waits for never opens. */
  readonly delay: { readonly code: string; readonly message: string } | null;
  readonly startedAt: Timestamp | null;
  /** The boot that the reboot ends: a different boot id proves the reboot. */
  readonly fromBootId: string | null;
  readonly cause: RebootCause | null;
  readonly error: Failure | null;
  /** The last proven reboot (the boot id changed), kept until the next one is proven. */
  readonly last: { readonly at: Timestamp; readonly cause: RebootCause; readonly clockSynchronized: boolean } | null;
}

/** The hardware of a board. */
export interface HardwareInfo {
  readonly cpu: string | null;
  readonly cores: number | null;
  /** `model` is empty where it is unknown: a hub may drop a null inside a list. */
  readonly disks: readonly { readonly name: string; readonly model: string; readonly sizeBytes: number }[];
  /** Network interfaces, with their MAC addresses. */
  readonly interfaces: readonly { readonly name: string; readonly mac: string }[];
}

/** Whose images the board installs. */
interface TrustSnapshot {
  /** The version of the trusted root; null on a board without one. */
  readonly rootVersion: number | null;
  readonly expires: Timestamp | null;
  /** Whether the board's owner allows unsigned images. It counts only without a trust root. */
  readonly unsignedAllowed: boolean;
}

/** The answer to the desired `boardkeeper` section with that `$version`. */
export interface ConfigSnapshot {
  readonly version: number;
  readonly status: "applied" | "refused";
  readonly error: { readonly code: string; readonly message: string } | null;
}

/**
 * Why an update ended otherwise than completed; null before its end: an update that is being rolled back has not failed yet.
 * Null for one that somebody has cancelled.
 */
export function finalError({ phase, error }: UpdateSnapshot): Failure | null {
  return phase === "failed" || phase === "rolledBack" || phase === "cancelled" ? error : null;
}

/**
 * The agent's whole state as the hub may know it: every twin format is made from it. Source: the saved state and facts of this
 * boot; nothing here is guessed.
 */
export interface Snapshot {
  readonly agent: {
    readonly version: string;
    readonly mode: "systemd" | "simulated";
    readonly startedAt: Timestamp;
    readonly bootId: string;
    /** Whether a time server has set the clock; null until that is known, soon after the start. */
    readonly clockSynchronized: boolean | null;
    /** Alerts about what the agent found at its start and about its disk, as sentences for people; null for none. */
    readonly problems: readonly string[] | null;
  };
  readonly board: {
    readonly model: string | null;
    readonly serial: string | null;
    readonly os: string | null;
    readonly kernel: string | null;
    readonly arch: string;
    readonly memoryBytes: number;
    /** The names that signed images may be for, the most specific first. */
    readonly compatible: readonly string[];
    /** Null until it has been probed, once per boot. */
    readonly equipment: HardwareInfo | null;
  };
  /** The running version, as the installer reads it; null where the installer cannot tell. */
  readonly currentVersion: string | null;
  readonly trust: TrustSnapshot;
  /** The answer to the remote config; null where there is none. */
  readonly config: ConfigSnapshot | null;
  readonly update: UpdateSnapshot;
  /** The last update that was proven (never a dry run). */
  readonly lastProvenUpdate: { readonly operationId: string; readonly version: string; readonly at: Timestamp } | null;
  readonly reboot: RebootSnapshot;
}
