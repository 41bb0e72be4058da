import { reportedProperties } from "../contract/twin-formats/reported-properties.ts";
import type { JsonObject } from "../contract/json.ts";
import { alertsForTwin } from "../contract/alerts-for-twin.ts";
import type { HardwareInfo, Snapshot } from "../contract/snapshot.ts";
import type { BootClock } from "../lib/clock.ts";
import type { Reporter } from "./reporter.ts";
import {
  isDelayDue,
  isProgressDue,
  type ProgressPolicy,
  type SentDelay,
  type SentProgress,
} from "./progress-throttle.ts";
import type { Alerts } from "../lib/alerts.ts";
import { describeRemote } from "../config/remote-config-decisions.ts";
import { describeReboot } from "../reboot/reboot-snapshot.ts";
import type { AgentState, AgentStateStore } from "../operations/agent-state.ts";
import type { TrustGate } from "../update/trust-gate.ts";
import { describeUpdate, type DownloadProgress, type UpdateDelay } from "../update/update-snapshot.ts";
import type { BlockedBy } from "../maintenance/window.ts";

/** What the snapshot holds beside the saved state and the alerts: facts of this boot and this process. */
export interface ReportedFacts extends Pick<Snapshot, "currentVersion"> {
  readonly board: Omit<Snapshot["board"], "compatible">;
  readonly agent: Omit<Snapshot["agent"], "problems">;
}

export interface ReportedStatePorts {
  readonly store: AgentStateStore;
  readonly reporter: Pick<Reporter, "enqueue" | "flushed">;
  readonly bootClock: BootClock;
  readonly facts: ReportedFacts;
  readonly alerts: Alerts;
  readonly trust: Pick<TrustGate, "status">;
  readonly progressPolicy: () => ProgressPolicy;
}

/** Reports each change of the saved state and of the alerts, and progress that is worth a patch, as reported properties. */
export class ReportedState {
  readonly #ports: ReportedStatePorts;
  #facts: ReportedFacts;
  #progress: DownloadProgress | null = null;
  /** Why the present step of the update is tried again. */
  #retry: UpdateDelay | null = null;
  #waits: { readonly update: BlockedBy | null; readonly reboot: BlockedBy | null } = { update: null, reboot: null };
  #lastSent: SentProgress;
  #lastDelay: SentDelay = { atMs: -Infinity, reason: null };

  constructor(ports: ReportedStatePorts) {
    this.#ports = ports;
    this.#facts = ports.facts;
    this.#lastSent = { atMs: ports.bootClock.nowMs(), receivedBytes: 0 };
    ports.store.onChange((saved) => {
      if (saved.update.phase !== "downloading") this.#progress = null;
      if (saved.update.phase !== "staged") this.#waits = { ...this.#waits, update: null };
      if (saved.reboot.phase !== "scheduled") this.#waits = { ...this.#waits, reboot: null };
      this.publish();
    });
    ports.alerts.onChange(() => this.publish());
  }

  /** The agent's whole state, as of now. */
  snapshot(saved: AgentState = this.#ports.store.state): Snapshot {
    const { rootVersion, expires, unsignedAllowed, compatible } = this.#ports.trust.status;
    return {
      ...this.#facts,
      board: { ...this.#facts.board, compatible },
      trust: { rootVersion, expires, unsignedAllowed },
      agent: { ...this.#facts.agent, problems: alertsForTwin(this.#ports.alerts.messages) },
      config: describeRemote(saved),
      update: describeUpdate(saved, this.#progress, this.#waits.update, this.#retry),
      lastProvenUpdate: saved.lastProven && {
        operationId: saved.lastProven.operationId,
        version: saved.lastProven.version,
        at: saved.lastProven.at,
      },
      reboot: describeReboot(saved.reboot, this.#waits.reboot),
    };
  }

  projection(): JsonObject {
    return reportedProperties(this.snapshot());
  }

  /** Enqueues the present state for the hub. */
  publish(): void {
    this.#lastSent = { atMs: this.#ports.bootClock.nowMs(), receivedBytes: this.#progress?.receivedBytes ?? 0 };
    this.#lastDelay = { ...this.#lastDelay, reason: this.#progress?.delay ?? this.#retry };
    this.#ports.reporter.enqueue(this.projection(), "phase");
  }

  /** Sets the running version, as the installer reads it. Reported with the next change. */
  setVersion(currentVersion: string | null): void {
    this.#facts = { ...this.#facts, currentVersion };
  }

  /** Sets whether the clock is synchronized. Reported with the next change. */
  setClockSynchronized(clockSynchronized: boolean): void {
    this.#facts = { ...this.#facts, agent: { ...this.#facts.agent, clockSynchronized } };
  }

  /** Sets the hardware info, once it is probed, and reports it. */
  setHardware(hardware: HardwareInfo): void {
    this.#facts = { ...this.#facts, board: { ...this.#facts.board, equipment: hardware } };
    this.publish();
  }

  /** Sets what keeps an update or a reboot from its maintenance window, and reports a change. */
  setWait(part: "update" | "reboot", wait: BlockedBy): void {
    const known = this.#waits[part];
    if (known?.kind === wait.kind && untilOf(known) === untilOf(wait)) return;
    this.#waits = { ...this.#waits, [part]: wait };
    this.publish();
  }

  /** Sets how far a download has come, and reports it when that is worth a patch; the reason for a delay at once. */
  setProgress(progress: DownloadProgress): void {
    this.#progress = progress;
    const now = { atMs: this.#ports.bootClock.nowMs(), ...progress };
    const { delay = null } = progress;
    const isReason = isDelayDue(this.#lastDelay, delay, now.atMs);
    if (!isReason && !isProgressDue(this.#lastSent, now, this.#ports.progressPolicy())) return;
    this.#lastSent = now;
    this.#lastDelay = { atMs: isReason ? now.atMs : this.#lastDelay.atMs, reason: delay };
    this.#ports.reporter.enqueue(this.projection(), "progress");
  }

  /**
   * Sets why the present step of the update is tried again, and reports that; null once it is over, which the next change reports.
   */
  setRetry(retry: UpdateDelay | null): void {
    this.#retry = retry;
    const { bootClock, reporter } = this.#ports;
    const atMs = bootClock.nowMs();
    if (!isDelayDue(this.#lastDelay, retry, atMs)) return;
    this.#lastDelay = { atMs, reason: retry };
    reporter.enqueue(this.projection(), "progress");
  }
}

function untilOf(wait: BlockedBy): string | null {
  return wait.kind === "closed" ? wait.until : null;
}
