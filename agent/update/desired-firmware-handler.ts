import { canonicalJson, isJsonObject, type JsonObject } from "../contract/json.ts";
import { invalidPayload, type ErrorResponse } from "../contract/error-response.ts";
import { abortPrevious } from "../lib/abort.ts";
import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { Decision, StateStore } from "../state/ports.ts";
import { decideDesired, decideNoDesired, type DesiredOutcome } from "./desired-firmware-decisions.ts";
import type { Job, UpdateSlice } from "./job.ts";
import { parseUpdateRequest, type UpdateLimits } from "./validate-request.ts";

export interface DesiredFirmwarePorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
  readonly limits: () => UpdateLimits;
  /** The version that runs; null where it cannot be told. */
  readonly currentVersion: () => string | null;
  /** Why the operation id of a job cannot be used: it belongs to another operation. */
  readonly operationIdInUse: (job: Job) => ErrorResponse | undefined;
  /** Aborts when the agent stops. */
  readonly stopping: AbortSignal;
}

/** Handles the desired `firmware` section: each content once; one that had to wait for a job, again when that ends. */
export class DesiredFirmwareHandler {
  readonly #ports: DesiredFirmwarePorts;
  /** The last desired document. */
  #desired: { readonly document: JsonObject; readonly version: number } | undefined;
  /** Only the latest document counts, however often the connection comes back while saves fail. */
  readonly #abortPrevious: () => AbortSignal;

  constructor(ports: DesiredFirmwarePorts) {
    this.#ports = ports;
    this.#abortPrevious = abortPrevious(ports.stopping);
    let before = ports.store.state.update.phase;
    ports.store.onChange(({ update }) => {
      const changed = update.phase !== before;
      before = update.phase;
      if (changed && this.#desired !== undefined)
        void this.handleDesired(this.#desired.document, this.#desired.version);
    });
  }

  /** Handles a whole desired document; may be called again with the same. Never rejects for a failed save: it retries. */
  async handleDesired(document: JsonObject, version: number): Promise<void> {
    this.#desired = { document, version };
    const { store, log, digest, limits, currentVersion, operationIdInUse, wallClock } = this.#ports;
    const superseded = this.#abortPrevious();
    const firmware = document["firmware"];
    const identity = digest(canonicalJson(firmware ?? null));
    const parsed = isJsonObject(firmware)
      ? parseUpdateRequest(firmware, "desired", limits(), `desired-${identity.slice(0, 12)}`)
      : invalidPayload([`firmware: expected an object, got ${Array.isArray(firmware) ? "an array" : typeof firmware}`]);
    const decide = (state: UpdateSlice): Decision<UpdateSlice, DesiredOutcome> => {
      if (superseded.aborted) return { answer: { kind: "alreadyHandled" } };
      if (firmware === undefined || firmware === null) return decideNoDesired(state, timestamp(wallClock));
      const inUse = parsed.ok ? operationIdInUse(parsed.value.job) : undefined;
      const usable = inUse === undefined ? parsed : { ok: false as const, error: inUse };
      const desired = { identity, desiredVersion: version, parsed: usable };
      return decideDesired(state, desired, currentVersion(), timestamp(wallClock));
    };
    const outcome = await store.transactUntilSaved(decide, superseded);
    if (outcome?.kind === "refused") {
      log.warn({ refusal: outcome.refusal, desiredVersion: version }, "desired firmware refused");
    } else if (outcome !== undefined && outcome.kind !== "alreadyHandled") {
      log.info({ outcome: outcome.kind, desiredVersion: version }, "desired firmware read");
    }
  }
}
