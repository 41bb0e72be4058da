import { isJsonObject, type JsonObject } from "../contract/json.ts";
import { refusePayload, type Judged } from "../contract/refusal.ts";
import type { Journal } from "../state/store.ts";
import { abortPrevious } from "../lib/abort.ts";
import type { Log } from "../lib/log.ts";
import type { Decision, Saved } from "../operations/agent-state.ts";
import type { Settings } from "./settings.ts";
import type { MaintenanceWindow } from "../maintenance/window.ts";
import { contentOf, decideNoRemote, decideRemote, judge, type RemoteOutcome } from "./remote-config.ts";

export interface RemoteDeskPorts {
  readonly journal: Journal;
  readonly log: Log;
  /** The board's own settings. */
  readonly base: Settings;
  /** SHA-256 of a text, in hex. */
  readonly digest: (text: string) => string;
  /** What is wrong with windows beyond their form: which expressions and timezones there are, the board has to find out. */
  readonly windowMistakes: (windows: readonly MaintenanceWindow[]) => Promise<readonly string[]>;
  /** Whether the saved state is taken up after the start. */
  readonly isAwake: () => boolean;
  /** Aborts when the agent stops. */
  readonly stopping: AbortSignal;
}

/** Where configuration arrives that comes over the hub: judges it and hands it to the saved state. */
export class RemoteDesk {
  readonly #ports: RemoteDeskPorts;
  #desired: { readonly document: JsonObject; readonly version: number } | undefined;

  /** There is one look at a time, however often the link comes back while a disk refuses. */
  readonly #abortPrevious: () => AbortSignal;

  constructor(ports: RemoteDeskPorts) {
    this.#ports = ports;
    this.#abortPrevious = abortPrevious(ports.stopping);
  }

  /** Takes the whole desired properties, as often as they come. */
  async take(document: JsonObject, version: number): Promise<void> {
    this.#desired = { document, version };
    const { journal, log, digest, isAwake } = this.#ports;
    if (!isAwake()) return; // Looked at again when it is.
    const overtaken = this.#abortPrevious();
    const section = document["boardkeeper"];
    const judged = await this.#judge(section);
    const identity = digest(contentOf(section));
    const outcome = await journal.record((saved: Saved): Decision<RemoteOutcome> => {
      if (overtaken.aborted) return { answer: { kind: "known" } };
      if (section === undefined) return decideNoRemote(saved);
      const order = { identity, desiredVersion: version, section: isJsonObject(section) ? section : {}, judged };
      return decideRemote(saved, order);
    }, overtaken);
    if (outcome?.kind === "refused") {
      log.warn({ refusal: outcome.refusal, desiredVersion: version }, "remote configuration refused");
    } else if (outcome !== undefined && outcome.kind !== "known") {
      log.info({ outcome: outcome.kind, desiredVersion: version }, "remote configuration read");
    }
  }

  /** Looks at the last desired properties again, now that the saved state is taken up. */
  async reconsider(): Promise<void> {
    if (this.#desired !== undefined) await this.take(this.#desired.document, this.#desired.version);
  }

  async #judge(section: unknown): Promise<Judged<Settings>> {
    const judged = judge(section, this.#ports.base);
    if (!judged.ok) return judged;
    const mistakes = await this.#ports.windowMistakes(judged.value["maintenance.windows"]);
    if (mistakes.length === 0) return judged;
    return refusePayload(mistakes.map((one) => `boardkeeper: maintenance.windows: ${one}`));
  }
}
