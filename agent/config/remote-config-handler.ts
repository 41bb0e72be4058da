import type { Runtime } from "../lib/runtime.ts";
import { isJsonObject, type JsonObject } from "../contract/json.ts";
import { findSection, type DesiredSection } from "../contract/desired-sections.ts";
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
} from "./remote-config-decisions.ts";

export interface RemoteConfigHandlerPorts extends Runtime {
  readonly store: StateStore<RemoteConfigSlice>;
  /** The board's own settings. */
  readonly base: Settings;
  /** Finds mistakes in cron expressions and timezones, which depend on the board; one sentence each. */
  readonly validateWindows: (windows: readonly MaintenanceWindow[]) => Promise<readonly string[]>;
  /** Aborts when the agent stops. */
  readonly stopping: AbortSignal;
}

/** Validates configuration from the hub and saves what is applied. */
export class RemoteConfigHandler {
  readonly #ports: RemoteConfigHandlerPorts;
  /** One attempt at a time, however often the connection comes back while the disk refuses writes. */
  readonly #abortPrevious: () => AbortSignal;

  constructor(ports: RemoteConfigHandlerPorts) {
    this.#ports = ports;
    this.#abortPrevious = abortPrevious(ports.stopping);
  }

  /** Handles the complete desired properties; may be called again with the same. */
  async handleDesired(document: JsonObject, version: number): Promise<void> {
    const { store, log, digest } = this.#ports;
    const superseded = this.#abortPrevious();
    const found = findSection(document, "boardkeeper");
    const section = found.value;
    const validated = await this.#validate(found);
    // Under another name, the same content is another document: the corrected one must be looked at.
    const identity = digest(canonicalContent(found.kind === "misnamed" ? found : section));
    const outcome = await store.transactUntilSaved((saved): Decision<RemoteConfigSlice, RemoteOutcome> => {
      if (superseded.aborted) return { answer: { kind: "known" } };
      if (found.kind === "absent") return decideRemoteRemoved(saved);
      const request = { identity, desiredVersion: version, section: isJsonObject(section) ? section : {}, validated };
      return decideRemote(saved, request);
    }, superseded);
    if (outcome?.kind === "refused") {
      log.warn({ refusal: outcome.refusal, desiredVersion: version }, "remote configuration refused");
    } else if (outcome !== undefined && outcome.kind !== "known") {
      log.info({ outcome: outcome.kind, desiredVersion: version }, "remote configuration read");
    }
  }

  async #validate(section: DesiredSection): Promise<Validated<Settings>> {
    if (section.kind === "misnamed") return invalidPayload([section.problem]);
    const validated = validateRemote(section.value, this.#ports.base);
    if (!validated.ok) return validated;
    const mistakes = await this.#ports.validateWindows(validated.value.maintenanceWindows);
    if (mistakes.length === 0) return validated;
    return invalidPayload(mistakes.map((one) => `boardkeeper: maintenance.windows: ${one}`));
  }
}
