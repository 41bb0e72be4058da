import { canonicalJson, isJsonObject, type JsonObject } from "../contract/json.ts";
import { findSection, type DesiredSection } from "../contract/desired-sections.ts";
import { invalidPayload, type ErrorResponse, type Validated } from "../contract/error-response.ts";
import { abortPrevious } from "../lib/abort.ts";
import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { Decision, StateStore } from "../state/ports.ts";
import { decideDesired, decideNoDesired, type DesiredOutcome } from "./desired-firmware-decisions.ts";
import type { Job, UpdateSlice } from "./job.ts";
import type { TrustGate } from "./trust-gate.ts";
import { trustRefusal } from "./trust-refusal.ts";
import { parseUpdateRequest, type ParsedUpdateRequest, type UpdateLimits } from "./validate-request.ts";

export interface DesiredFirmwarePorts extends Runtime {
  readonly store: StateStore<UpdateSlice>;
  readonly limits: () => UpdateLimits;
  readonly trust: Pick<TrustGate, "status" | "readStatus" | "refusal" | "onChange">;
  /** The version that runs; null where it cannot be told. */
  readonly currentVersion: () => string | null;
  /** Why the operation id of a job cannot be used: it belongs to another operation. */
  readonly operationIdInUse: (job: Job) => ErrorResponse | undefined;
  /** Aborts when the agent stops. */
  readonly stopping: AbortSignal;
}

/**
 * Handles the desired `firmware` section: each content once; one that had to wait for a job, or has cancelled one to take its place,
 * again when that has ended.
 */
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
      if (changed) this.#handleAgain();
    });
    ports.trust.onChange(() => this.#handleAgain());
  }

  #handleAgain(): void {
    if (this.#desired !== undefined) void this.handleDesired(this.#desired.document, this.#desired.version);
  }

  /** Handles a whole desired document; may be called again with the same. Never rejects for a failed save: it retries. */
  async handleDesired(document: JsonObject, version: number): Promise<void> {
    this.#desired = { document, version };
    const { store, log, digest, limits, trust, currentVersion, operationIdInUse, wallClock } = this.#ports;
    const superseded = this.#abortPrevious();
    await trust.readStatus();
    if (superseded.aborted) return;
    const section = findSection(document, "firmware");
    // Under another name, the same content is another document: the corrected one must be looked at.
    const identity = digest(canonicalJson(section.kind === "misnamed" ? section : (section.value ?? null)));
    const parsed = parseSection(section, limits(), identity);
    const decide = (state: UpdateSlice): Decision<UpdateSlice, DesiredOutcome> => {
      if (superseded.aborted) return { answer: { kind: "alreadyHandled" } };
      if (section.kind === "absent") return decideNoDesired(state, timestamp(wallClock));
      const inUse = parsed.ok ? operationIdInUse(parsed.value.job) : undefined;
      const usable = inUse === undefined ? parsed : { ok: false as const, error: inUse };
      const refusal = usable.ok ? trustRefusal(trust, usable.value.job) : undefined;
      const desired = { identity, desiredVersion: version, parsed: usable, refusal };
      return decideDesired(state, desired, currentVersion(), timestamp(wallClock));
    };
    const outcome = await store.transactUntilSaved(decide, superseded);
    if (outcome?.kind === "refused") {
      log.warn({ refusal: outcome.refusal, desiredVersion: version }, "desired firmware refused");
    } else if (outcome !== undefined && outcome.kind !== "alreadyHandled") {
      log.info({ outcome: outcome.kind, desiredVersion: version }, "desired firmware read");
    }
    // A document is handled when it is decided itself. A newer one may have come meanwhile.
    if (outcome?.kind === "replaced" && this.#desired.document === document)
      await this.handleDesired(document, version);
  }
}

function parseSection(section: DesiredSection, limits: UpdateLimits, identity: string): Validated<ParsedUpdateRequest> {
  if (section.kind === "misnamed") return invalidPayload([section.problem]);
  const { value } = section;
  if (isJsonObject(value)) return parseUpdateRequest(value, "desired", limits, `desired-${identity.slice(0, 12)}`);
  return invalidPayload([`firmware: expected an object, got ${Array.isArray(value) ? "an array" : typeof value}`]);
}
