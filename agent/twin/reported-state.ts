import { project } from "../contract/twin-formats/project.ts";
import type { JsonObject } from "../contract/json.ts";
import { problemsForTwin } from "../contract/problems.ts";
import type { Equipment, Snapshot } from "../contract/snapshot.ts";
import type { BootClock } from "../lib/clock.ts";
import type { Reporter } from "./reporter.ts";
import { isProgressDue, type ProgressPolicy, type Sent } from "./progress-throttle.ts";
import type { Journal } from "../state/store.ts";
import type { Problems } from "../alerts.ts";
import { describeRemote } from "../config/remote-config.ts";
import { describeReboot } from "../reboot/report.ts";
import type { Saved } from "../operations/agent-state.ts";
import { describeUpdate, type Progress } from "../update/report.ts";
import type { Wait } from "../maintenance/wait.ts";

/** What the snapshot holds beside the saved state and the problems: facts of this boot and this process. */
export interface Facts extends Pick<Snapshot, "board" | "currentVersion"> {
  readonly agent: Omit<Snapshot["agent"], "problems">;
}

export interface PublisherPorts {
  readonly journal: Journal;
  readonly reporter: Pick<Reporter, "offer" | "settled">;
  readonly bootClock: BootClock;
  readonly facts: Facts;
  readonly problems: Problems;
  readonly progressPolicy: () => ProgressPolicy;
}

/** Makes each change of the saved state and of the problems, and progress that is worth it, into a projection for the twin. */
export class Publisher {
  readonly #ports: PublisherPorts;
  #facts: Facts;
  #progress: Progress | null = null;
  #waits: { readonly update: Wait | null; readonly reboot: Wait | null } = { update: null, reboot: null };
  #lastSent: Sent;

  constructor(ports: PublisherPorts) {
    this.#ports = ports;
    this.#facts = ports.facts;
    this.#lastSent = { atMs: ports.bootClock.nowMs(), receivedBytes: 0 };
    ports.journal.onChange((saved) => {
      if (saved.update.phase !== "downloading") this.#progress = null;
      if (saved.update.phase !== "staged") this.#waits = { ...this.#waits, update: null };
      if (saved.reboot.phase !== "scheduled") this.#waits = { ...this.#waits, reboot: null };
      this.publish();
    });
    ports.problems.onChange(() => this.publish());
  }

  /** The agent's whole state, as of now. */
  snapshot(saved: Saved = this.#ports.journal.saved): Snapshot {
    return {
      ...this.#facts,
      agent: { ...this.#facts.agent, problems: problemsForTwin(this.#ports.problems.sentences) },
      config: describeRemote(saved),
      update: describeUpdate(saved, this.#progress, this.#waits.update),
      lastProvenUpdate: saved.lastProven && {
        operationId: saved.lastProven.operationId,
        version: saved.lastProven.version,
        at: saved.lastProven.at,
      },
      reboot: describeReboot(saved.reboot, this.#waits.reboot),
    };
  }

  projection(): JsonObject {
    return project(this.snapshot());
  }

  /** Offers the present state to the hub. */
  publish(): void {
    this.#lastSent = { atMs: this.#ports.bootClock.nowMs(), receivedBytes: this.#progress?.receivedBytes ?? 0 };
    this.#ports.reporter.offer(this.projection(), "phase");
  }

  /** Another version runs, as the installer reads it. Offered with the next phase. */
  versionIs(currentVersion: string | null): void {
    this.#facts = { ...this.#facts, currentVersion };
  }

  /** The clock has been set, or not in time. Offered with the next phase. */
  clockIs(clockSynchronized: boolean): void {
    this.#facts = { ...this.#facts, agent: { ...this.#facts.agent, clockSynchronized } };
  }

  /** What the board is made of has been found out. */
  equipmentIs(equipment: Equipment): void {
    this.#facts = { ...this.#facts, board: { ...this.#facts.board, equipment } };
    this.publish();
  }

  /** Notes what keeps an update or a reboot from its maintenance window, and offers it when that is news. */
  waits(part: "update" | "reboot", wait: Wait): void {
    const known = this.#waits[part];
    if (known?.kind === wait.kind && untilOf(known) === untilOf(wait)) return;
    this.#waits = { ...this.#waits, [part]: wait };
    this.publish();
  }

  /** Notes how far a download has come, and offers it when that is worth a patch. */
  progress(progress: Progress): void {
    this.#progress = progress;
    const now = { atMs: this.#ports.bootClock.nowMs(), ...progress };
    if (!isProgressDue(this.#lastSent, now, this.#ports.progressPolicy())) return;
    this.#lastSent = now;
    this.#ports.reporter.offer(this.projection(), "progress");
  }
}

function untilOf(wait: Wait): string | null {
  return wait.kind === "closed" ? wait.until : null;
}
