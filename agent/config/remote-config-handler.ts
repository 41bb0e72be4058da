import type { Runtime } from "../lib/runtime.ts";
import { isJsonObject, type JsonObject } from "../contract/json.ts";
import { invalidPayload, type Validated } from "../contract/error-response.ts";
import type { Decision, StateStore } from "../state/ports.ts";
import { abortPrevious } from "../lib/abort.ts";
import type { Settings } from "./settings.ts";
import type { MaintenanceWindow } from "../maintenance/window.ts";
import {
  canonicalContent,
  decideRemoteRemoved,
  decideRemote,
  validateRemote,
  type RemoteConfigSlice,
  type RemoteOutcome,
} from "./remote-config.ts";

export interface RemoteConfigHandlerPorts extends Runtime {
  readonly store: StateStore<RemoteConfigSlice>;
  /** The board's own settings. */
  readonly base: Settings;
  /** What is wrong with windows beyond their form: which expressions and timezones there are, the board has to find out. */
  readonly validateWindows: (windows: readonly MaintenanceWindow[]) => Promise<readonly string[]>;
  /** Whether the saved state is taken up after the start. */
  readonly isRecovered: () => boolean;
  /** Aborts when the agent stops. */
  readonly stopping: AbortSignal;
}

/** Where configuration arrives that comes over the hub: judges it and hands it to the saved state. */
export class RemoteConfigHandler {
  readonly #ports: RemoteConfigHandlerPorts;
  #desired: { readonly document: JsonObject; readonly version: number } | undefined;

  /** There is one look at a time, however often the link comes back while a disk refuses. */
  readonly #abortPrevious: () => AbortSignal;

  constructor(ports: RemoteConfigHandlerPorts) {
    this.#ports = ports;
    this.#abortPrevious = abortPrevious(ports.stopping);
  }

  /** Takes the whole desired properties, as often as they come. */
  async handleDesired(document: JsonObject, version: number): Promise<void> {
    this.#desired = { document, version };
    const { store, log, digest, isRecovered } = this.#ports;
    if (!isRecovered()) return; // Looked at again when it is.
    const overtaken = this.#abortPrevious();
    const section = document["boardkeeper"];
    const validated = await this.#validate(section);
    const identity = digest(canonicalContent(section));
    const outcome = await store.transactUntilSaved((saved): Decision<RemoteConfigSlice, RemoteOutcome> => {
      if (overtaken.aborted) return { answer: { kind: "known" } };
      if (section === undefined) return decideRemoteRemoved(saved);
      const request = { identity, desiredVersion: version, section: isJsonObject(section) ? section : {}, validated };
      return decideRemote(saved, request);
    }, overtaken);
    if (outcome?.kind === "refused") {
      log.warn({ refusal: outcome.refusal, desiredVersion: version }, "remote configuration refused");
    } else if (outcome !== undefined && outcome.kind !== "known") {
      log.info({ outcome: outcome.kind, desiredVersion: version }, "remote configuration read");
    }
  }

  /** Looks at the last desired properties again, now that the saved state is taken up. */
  async reevaluateDesired(): Promise<void> {
    if (this.#desired !== undefined) await this.handleDesired(this.#desired.document, this.#desired.version);
  }

  async #validate(section: unknown): Promise<Validated<Settings>> {
    const validated = validateRemote(section, this.#ports.base);
    if (!validated.ok) return validated;
    const mistakes = await this.#ports.validateWindows(validated.value.maintenanceWindows);
    if (mistakes.length === 0) return validated;
    return invalidPayload(mistakes.map((one) => `boardkeeper: maintenance.windows: ${one}`));
  }
}
