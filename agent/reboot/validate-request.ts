import { parseRebootRequest, type RebootRequest } from "../contract/methods.ts";
import { redact, truncateUtf8 } from "../contract/safe-text.ts";
import { rejectRequest, invalidPayload, type Validated } from "../contract/error-response.ts";
import type { WindowStatus } from "../maintenance/window.ts";
import type { RebootJob } from "./machine.ts";

/** The longest time that a requested moment may lie in the past. */
const maxPastMs = 60_000;
const maxDelayMs = 86_400_000;
const maxReasonBytes = 200;
/** The saved delay where no window is known to open: too long for older releases, which know no windows, to act on. */
const unknownDelayMs = 366 * 86_400_000;

export interface RebootContext {
  readonly now: Date;
  /** False until a time server has set the clock in this boot. */
  readonly clockSynchronized: boolean;
  /** The status of the maintenance windows; null where none is configured. */
  readonly window: WindowStatus | null;
}

export interface RebootPlan {
  readonly job: RebootJob;
  /** The delay from now on the boot clock; an estimate for a job that waits for a window. */
  readonly delayMs: number;
  /** Whether the caller gave the operation id: only then is a repeated call recognized. */
  readonly callerGaveId: boolean;
}

/** The reboot that a `rebootDevice` payload requests, or why it is refused. */
export function planReboot(payload: unknown, context: RebootContext, newOperationId: string): Validated<RebootPlan> {
  const checked = parseRebootRequest(payload);
  if (!checked.ok) return invalidPayload(checked.problems);
  const request = checked.value;
  const delay = parseDelay(request, context);
  if (!delay.ok) return delay;
  const job = {
    operationId: request.operationId ?? newOperationId,
    reason: request.reason === undefined ? null : withoutSecrets(request.reason),
    force: request.force ?? false,
    acceptedAt: context.now.toISOString(),
    scheduledFor: new Date(context.now.getTime() + delay.value).toISOString(),
    ...(request.window === true ? { window: true } : {}),
  };
  return { ok: true, value: { job, delayMs: delay.value, callerGaveId: request.operationId !== undefined } };
}

/** A reason is repeated in the twin. */
function withoutSecrets(reason: string): string {
  const redacted = redact(reason);
  return redacted === reason ? reason : truncateUtf8(redacted, maxReasonBytes); // It may have become longer.
}

function parseDelay({ delaySeconds, at, window }: RebootRequest, context: RebootContext): Validated<number> {
  if (window === true) {
    if (context.window !== null) return { ok: true, value: windowDelayMs(context.window, context.now) };
    return rejectRequest(
      400,
      "window-missing",
      "window: no maintenance window is configured on this board. Set maintenance.windows, or give delaySeconds or at.",
    );
  }
  if (at === undefined) return { ok: true, value: (delaySeconds ?? 0) * 1_000 };
  if (!context.clockSynchronized) {
    return rejectRequest(
      400,
      "clock-not-set",
      "at: this board's clock has not been set since it booted; give delaySeconds.",
    );
  }
  const delayMs = Date.parse(at) - context.now.getTime();
  if (delayMs < -maxPastMs || delayMs > maxDelayMs) {
    const bounds = `from now (${context.now.toISOString()}) to a day later`;
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
    case "missing":
    case "clockUnknown":
      return unknownDelayMs;
  }
}
