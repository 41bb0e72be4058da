import { parseRebootRequest, type RebootRequest } from "../contract/methods.ts";
import { redact, truncateUtf8 } from "../contract/safe-text.ts";
import { rejectRequest, invalidPayload, type Validated } from "../contract/error-response.ts";
import type { WindowStatus } from "../maintenance/window.ts";
import type { RebootJob } from "./machine.ts";

/** A reboot further in the past than this was meant for another day, not for now. */
const maxPastMs = 60_000;
const maxDelayMs = 86_400_000;
const maxReasonBytes = 200;
/** What is noted down as the delay where a window is not known to open: no release before windows would act on it. */
const unknownDelayMs = 366 * 86_400_000;

export interface RebootContext {
  readonly now: Date;
  /** False on a board that has not heard from a time server since it booted. */
  readonly clockSynchronized: boolean;
  /** How the board stands to its maintenance windows; null where none is configured. */
  readonly window: WindowStatus | null;
}

export interface RebootPlan {
  readonly job: RebootJob;
  /** From now, on the boot clock; what it comes to now, for a job that waits for a window. */
  readonly delayMs: number;
  /** Whether the caller gave the operation id: only then can a repeated call be told. */
  readonly callerGaveId: boolean;
}

/** What a `rebootDevice` payload asks for, or why it cannot be had. */
export function planReboot(payload: unknown, terms: RebootContext, newOperationId: string): Validated<RebootPlan> {
  const checked = parseRebootRequest(payload);
  if (!checked.ok) return invalidPayload(checked.problems);
  const request = checked.value;
  const delay = delayOf(request, terms);
  if (!delay.ok) return delay;
  const job = {
    operationId: request.operationId ?? newOperationId,
    reason: request.reason === undefined ? null : withoutSecrets(request.reason),
    force: request.force ?? false,
    acceptedAt: terms.now.toISOString(),
    scheduledFor: new Date(terms.now.getTime() + delay.value).toISOString(),
    ...(request.window === true ? { window: true } : {}),
  };
  return { ok: true, value: { job, delayMs: delay.value, callerGaveId: request.operationId !== undefined } };
}

/** A reason is repeated in the twin. */
function withoutSecrets(reason: string): string {
  const redacted = redact(reason);
  return redacted === reason ? reason : truncateUtf8(redacted, maxReasonBytes); // It may have become longer.
}

function delayOf({ delaySeconds, at, window }: RebootRequest, terms: RebootContext): Validated<number> {
  if (window === true) {
    if (terms.window !== null) return { ok: true, value: windowDelayMs(terms.window, terms.now) };
    return rejectRequest(
      400,
      "window-missing",
      "window: no maintenance window is configured on this board. Set maintenance.windows, or give delaySeconds or at.",
    );
  }
  if (at === undefined) return { ok: true, value: (delaySeconds ?? 0) * 1_000 };
  if (!terms.clockSynchronized) {
    return rejectRequest(
      400,
      "clock-not-set",
      "at: this board's clock has not been set since it booted; give delaySeconds.",
    );
  }
  const delayMs = Date.parse(at) - terms.now.getTime();
  if (delayMs < -maxPastMs || delayMs > maxDelayMs) {
    const bounds = `from now (${terms.now.toISOString()}) to a day later`;
    return rejectRequest(400, "bad-request", `at: expected a time ${bounds}, got ${at}.`);
  }
  return { ok: true, value: Math.max(0, delayMs) };
}

function windowDelayMs(window: WindowStatus, now: Date): number {
  switch (window.kind) {
    case "open":
      return 0;
    case "closed":
      return window.until === null ? unknownDelayMs : Math.max(0, Date.parse(window.until) - now.getTime());
    case "clockUnknown":
      return unknownDelayMs;
  }
}
