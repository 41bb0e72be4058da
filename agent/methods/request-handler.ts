import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import { formatBoardkeeper } from "../contract/twin-formats/boardkeeper.ts";
import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import type { LogPage, LogsRequest } from "../contract/logs.ts";
import { parseLogsRequest, findMethod, methods, parseOperationReference, type Method } from "../contract/methods.ts";
import { redact, truncateUtf8 } from "../contract/safe-text.ts";
import { invalidPayload } from "../contract/error-response.ts";
import { errorReply, type MethodReply } from "../contract/method-reply.ts";
import type { Snapshot } from "../contract/snapshot.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import { StateNotPersisted, type Decision } from "../state/ports.ts";
import type { Inhibitor } from "../reboot/inhibited-message.ts";
import { describeBlockingUpdate, unblockReboot } from "../operations/blocking.ts";
import { decideCancelReboot, decideReboot } from "../reboot/request-decisions.ts";
import { planReboot } from "../reboot/validate-request.ts";
import { type AgentState, type AgentStateStore } from "../operations/agent-state.ts";
import {
  imageOf,
  operationIdInUse,
  rememberOperation,
  repeatedReply,
  type NamedOperation,
} from "../operations/remembered-operations.ts";
import { decideApply, decideCancel, decideUpdate } from "../update/request-decisions.ts";
import { parseUpdateRequest, type UpdateLimits } from "../update/validate-request.ts";
import type { TrustGate } from "../update/trust-gate.ts";
import { trustRefusal } from "../update/trust-refusal.ts";
import type { WindowStatus } from "../maintenance/window.ts";

/** The reply waits this long for the hub to acknowledge the new phase: a poller would stop at a stale "completed". */
const acknowledgementMs = 800;
/** The least time between two readings of a trust root for `getStatus`. */
const trustReadingMs = 5_000;
/** How long a call waits for the recovery of the saved state after a start. */
const recoveryWaitMs = 3_000;

export interface RequestHandlerPorts extends Runtime {
  readonly store: AgentStateStore;
  readonly bootId: string;
  readonly mode: Snapshot["agent"]["mode"];
  readonly limits: () => UpdateLimits;
  readonly trust: Pick<TrustGate, "status" | "readStatus" | "refusal">;
  /** Whether a maintenance window is open now, or when the next one opens. */
  readonly window: () => Promise<WindowStatus>;
  /** Bytes that an image may take on this board now. */
  readonly availableImageBytes: () => Promise<number>;
  /** The inhibitor locks that are held now. */
  readonly inhibitors: () => Promise<readonly Inhibitor[]>;
  readonly snapshot: () => Snapshot;
  /** The state of the connection. Not part of the twin, because every change of it would need a patch. */
  readonly link: () => JsonObject;
  /** What the agent's process runs with, for callers on the board alone. */
  readonly process: () => Promise<JsonObject>;
  /** The last lines of the log. */
  readonly logs: (asked: LogsRequest) => LogPage;
  /** Resolves when the hub has acknowledged all that was to be reported, or the time is up. */
  readonly flushReports: (withinMs: number) => Promise<void>;
  /** Waits for the recovery of the saved state, at most so long; returns whether it is done. Nothing is decided before. */
  readonly awaitRecovery: (withinMs: number) => Promise<boolean>;
}

/** Who calls a method: the hub, or a user on the board (through the local API). */
export type Caller = "hub" | "board";

/** Answers direct methods: decides on the saved state what they ask for. */
export class RequestHandler {
  readonly #ports: RequestHandlerPorts;
  #trustReadMs = -Infinity;

  constructor(ports: RequestHandlerPorts) {
    this.#ports = ports;
  }

  /**
   * Answers a direct method. Never rejects: every error is a reply.
   * @param caller `board` may name a file: URI, of an image that was uploaded on the board
   */
  async handleMethod(name: string, payload: unknown, caller: Caller = "hub"): Promise<MethodReply> {
    const method = findMethod(name);
    if (method === undefined) return unknownMethodReply(printableMethodName(name));
    return await this.#answer(method, payload, caller).catch((cause: unknown) => {
      if (cause instanceof StateNotPersisted) return stateNotPersistedReply(cause); // The store has logged it, once.
      this.#ports.log.error({ err: cause, method }, "method failed");
      if (cause instanceof AgentError) return errorReply({ status: 500, code: cause.code, message: cause.message });
      return internalErrorReply(cause);
    });
  }

  /** Logs an answered call. Called after the reply is sent: the caller does not wait for the log. */
  logMethod(name: string, { status, payload }: MethodReply, caller: Caller = "hub"): void {
    const level = caller === "board" && name === "getStatus" ? "debug" : "info"; // Commands that follow an operation poll it.
    const { operationId, error } = payload;
    const fields = { method: printableMethodName(name), caller, status, operationId };
    if (status < 400) this.#ports.log[level](fields, "method answered");
    else this.#ports.log.warn({ ...fields, error }, "method refused");
  }

  async #answer(method: Method, payload: unknown, caller: Caller): Promise<MethodReply> {
    if (method !== "getStatus" && method !== "getLogs" && !(await this.#ports.awaitRecovery(recoveryWaitMs))) {
      const { lastWriteError } = this.#ports.store;
      return lastWriteError === undefined ? startingReply() : stateNotPersistedReply(lastWriteError);
    }
    switch (method) {
      case "rebootDevice":
        return await this.#reboot(payload);
      case "firmwareUpdate":
        return await this.#update(payload, caller);
      case "cancelReboot":
        return await this.#decideNamed(payload, decideCancelReboot);
      case "applyFirmwareUpdate":
        return await this.#decideNamed(payload, decideApply);
      case "cancelFirmwareUpdate":
        return await this.#decideNamed(payload, (saved, id) => this.#decideCancel(saved, id));
      case "getLogs":
        return this.#logs(payload);
      case "getStatus": {
        await this.#readTrust();
        const state: { [key: string]: Json } = formatBoardkeeper(this.#ports.snapshot());
        const process = caller === "board" ? { process: await this.#ports.process() } : {};
        const link = this.#ports.link();
        return { status: 200, payload: { Response: "The agent's whole state", ...state, link, ...process } };
      }
    }
  }

  /**
   * Whoever asks for the status learns of a trust root that was added. Where there is one, reading verifies it, and commands that
   * follow an operation ask several times a second.
   */
  async #readTrust(): Promise<void> {
    const { bootClock, trust } = this.#ports;
    if (trust.status.rule === "signed" && bootClock.nowMs() < this.#trustReadMs + trustReadingMs) return;
    this.#trustReadMs = bootClock.nowMs();
    await trust.readStatus();
  }

  #logs(payload: unknown): MethodReply {
    const request = parseLogsRequest(payload);
    if (!request.ok) return errorReply(invalidPayload(request.problems).error);
    const { lines, omitted } = this.#ports.logs(request.value);
    const more = omitted === 0 ? "" : `, and ${omitted} older ones that did not fit`;
    return { status: 200, payload: { Response: `${lines.length} lines of the agent's log${more}`, lines, omitted } };
  }

  async #reboot(payload: unknown): Promise<MethodReply> {
    const { wallClock, bootClock, bootId, mode, limits, newId } = this.#ports;
    // To find out whether the clock is synchronized takes seconds on some boards. A delay does not need it.
    const clockSynchronized = isJsonObject(payload) && "at" in payload ? await wallClock.synchronized() : true;
    const window = limits().windowConfigured ? await this.#ports.window() : null;
    const plan = planReboot(payload, { now: wallClock.now(), clockSynchronized, window }, newId());
    if (!plan.ok) return errorReply(plan.error);
    const { job, delayMs, callerGaveId } = plan.value;
    const inhibitors = job.force ? [] : await this.#ports.inhibitors();
    const waitsFor = job.window === true ? window : null;
    const proposal = { job, bootId, dueBootMs: bootClock.nowMs() + delayMs, mode, inhibitors, window: waitsFor };
    const operation = { operationId: job.operationId, method: "rebootDevice", image: undefined } as const;
    return await this.#decideOnce(operation, callerGaveId, (saved) =>
      decideReboot(saved, { ...proposal, blockedBy: describeBlockingUpdate(saved) }),
    );
  }

  async #update(payload: unknown, caller: Caller): Promise<MethodReply> {
    const { limits, trust, newId, availableImageBytes, wallClock, snapshot } = this.#ports;
    await trust.readStatus();
    const parsed = parseUpdateRequest(payload, "method", { ...limits(), allowFileUri: caller === "board" }, newId());
    if (!parsed.ok) return errorReply(parsed.error);
    const { job, callerGaveId } = parsed.value;
    const availableBytes = job.sizeBytes === null || job.rehearsal ? Infinity : await availableImageBytes();
    const refusal = trustRefusal(trust, job);
    const operation = { operationId: job.operationId, method: "firmwareUpdate", image: imageOf(job) } as const;
    return await this.#decideOnce(operation, callerGaveId, (saved) => {
      const { currentVersion } = snapshot();
      const decision = decideUpdate(saved, parsed.value, currentVersion, timestamp(wallClock), refusal);
      if (decision.change === undefined || (job.sizeBytes ?? 0) <= availableBytes) return decision;
      const message = `The image of ${job.sizeBytes} bytes does not fit: the board has space for ${availableBytes}. Free some space, or raise update.staging-quota; then request the update again.`;
      return { answer: errorReply({ status: 507, code: "no-space", message }) };
    });
  }

  /**
   * Decides a call that may be repeated: an operation that was accepted gets its first reply again, and nothing is done.
   * A refusal is not remembered: its reason may be gone at the next call.
   */
  async #decideOnce(
    operation: NamedOperation,
    named: boolean,
    decide: (saved: AgentState) => Decision<AgentState, MethodReply>,
  ): Promise<MethodReply> {
    const { store, flushReports } = this.#ports;
    const reply = await store.transact((saved): Decision<AgentState, MethodReply> => {
      const { operationId, method, image } = operation;
      const inUse = operationIdInUse(saved, operation);
      if (inUse !== undefined) return { answer: errorReply(inUse) };
      const repeated = repeatedReply(saved.operations, method, operationId);
      if (repeated !== undefined) return { answer: repeated };
      const decision = decide(saved);
      if (!named || decision.change === undefined) return decision;
      const operations = rememberOperation(saved.operations, {
        operationId,
        method,
        ...decision.answer,
        ...(image === undefined ? {} : { image }),
      });
      return { ...decision, change: { ...decision.change, operations } };
    });
    await flushReports(acknowledgementMs);
    return reply;
  }

  /** A reboot that waited for the update may proceed once that is cancelled. */
  #decideCancel(saved: AgentState, operationId: string | undefined): Decision<AgentState, MethodReply> {
    const { wallClock, bootClock } = this.#ports;
    const decision = decideCancel(saved, operationId, timestamp(wallClock));
    const { update } = decision.change ?? {};
    if (update === undefined) return decision;
    return { ...decision, change: { ...unblockReboot(saved, update, bootClock.nowMs()), update } };
  }

  async #decideNamed(
    payload: unknown,
    decide: (saved: AgentState, operationId: string | undefined) => Decision<AgentState, MethodReply>,
  ): Promise<MethodReply> {
    const request = parseOperationReference(payload);
    if (!request.ok) return errorReply(invalidPayload(request.problems).error);
    const reply = await this.#ports.store.transact((saved) => decide(saved, request.value.operationId));
    await this.#ports.flushReports(acknowledgementMs);
    return reply;
  }
}

/** A known method's name, or what was sent instead: cut, and without secrets. */
function printableMethodName(name: string): string {
  return findMethod(name) ?? truncateUtf8(redact(name), 100);
}

function stateNotPersistedReply(refusal: StateNotPersisted): MethodReply {
  const message = truncateUtf8(redact(`Nothing was done. ${refusal.message}`));
  return errorReply({ status: 500, code: "state-not-saved", message });
}

function startingReply(): MethodReply {
  const message =
    "Nothing was done: the agent is still recovering its saved state. Call again; if this persists, check the board's disk and installer.";
  return errorReply({ status: 503, code: "starting", message });
}

function internalErrorReply(cause: unknown): MethodReply {
  const why = errorMessage(cause);
  const message = truncateUtf8(`A fault in the agent: ${why}. Its log has the details: please report it.`);
  return errorReply({ status: 500, code: "internal", message });
}

function unknownMethodReply(name: string): MethodReply {
  const known = methods.join(", ");
  const message = `This board has no method "${name}". It has ${known}.`;
  return errorReply({ status: 404, code: "unknown-method", message });
}
