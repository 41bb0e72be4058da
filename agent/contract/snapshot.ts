import type { Failure } from "./failure.ts";

/** Every phase of a firmware update, in the order in which a good one passes through them; then the ways it ends. */
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

/** Why a board went through a reboot: somebody asked for it, an update needed it, or neither (power cut, crash, a hand). */
export type RebootCause = "requested" | "update" | "other";

/** ISO 8601 in UTC with milliseconds, 24 characters: the tutorials print a fixed slice of the twin's text. */
type Timestamp = string;

/** When each phase of the present job began. `ended` is the time of completed, failed, rolledBack or cancelled. */
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
  /** How often the present phase was begun: more than 1 after a restart of the agent or the board. */
  readonly attempt: number | null;
  /** What a staged image waits for: nothing, its maintenance window, a clock that is set to know the window by, or the order to apply. */
  readonly waitsFor: "window" | "clock" | "order" | null;
  /** When its window lets it through; null while that is not known, or it waits for something else. */
  readonly waitsUntil: Timestamp | null;
  /** What a download was held up by, while it waits for its next try. */
  readonly delay: { readonly code: string; readonly message: string } | null;
  readonly error: Failure | null;
  /** The desired document that was refused last, until a good one is handled. */
  readonly refused: { readonly code: string; readonly message: string; readonly desiredVersion: number } | null;
}

export interface RebootSnapshot {
  readonly phase: RebootPhase;
  readonly operationId: string | null;
  readonly reason: string | null;
  readonly scheduledFor: Timestamp | null;
  readonly startedAt: Timestamp | null;
  /** The boot that the reboot is to end, or has ended: the proof is that another one runs. */
  readonly fromBootId: string | null;
  readonly cause: RebootCause | null;
  readonly error: Failure | null;
  /** The last reboot that a changed boot id proved, kept until the next one is. */
  readonly last: { readonly at: Timestamp; readonly cause: RebootCause; readonly clockSynchronized: boolean } | null;
}

/** What a board is made of. */
export interface HardwareInfo {
  readonly cpu: string | null;
  readonly cores: number | null;
  /** `model` is empty where it is not known: a hub may drop a null inside a list. */
  readonly disks: readonly { readonly name: string; readonly model: string; readonly sizeBytes: number }[];
  /** Of the network, with their hardware addresses. */
  readonly interfaces: readonly { readonly name: string; readonly mac: string }[];
}

/** How the desired `boardkeeper` section with that `$version` was taken. */
export interface ConfigSnapshot {
  readonly version: number;
  readonly status: "applied" | "refused";
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** The error of an update that ended badly; null before the end: a system on its way back has not failed yet. */
export function finalError({ phase, error }: UpdateSnapshot): Failure | null {
  return phase === "failed" || phase === "rolledBack" ? error : null;
}

/**
 * The agent's whole state as the hub may know it: what every dialect is projected from.
 * Source: saved state and facts of this boot; nothing here is guessed.
 */
export interface Snapshot {
  readonly agent: {
    readonly version: string;
    readonly mode: "systemd" | "simulated";
    readonly startedAt: Timestamp;
    readonly bootId: string;
    readonly clockSynchronized: boolean;
    /** What is wrong with what the agent found at its start, and with its disk now, as sentences for people; null when nothing is. */
    readonly problems: readonly string[] | null;
  };
  readonly board: {
    readonly model: string | null;
    readonly serial: string | null;
    readonly os: string | null;
    readonly kernel: string | null;
    readonly arch: string;
    readonly memoryBytes: number;
    /** Null until it has been found out, once per boot. */
    readonly equipment: HardwareInfo | null;
  };
  /** The version that runs, as the installer reads it; null where it cannot tell. */
  readonly currentVersion: string | null;
  /** The answer to the configuration that came over the hub; null where none did. */
  readonly config: ConfigSnapshot | null;
  readonly update: UpdateSnapshot;
  /** The last update that was proven (never a rehearsal). */
  readonly lastProvenUpdate: { readonly operationId: string; readonly version: string; readonly at: Timestamp } | null;
  readonly reboot: RebootSnapshot;
}
