import type { Runtime } from "../lib/runtime.ts";
import { AgentError } from "../lib/errors.ts";
import type { HealthCheck } from "./ports.ts";

export interface HealthCheckLimits {
  /** How long the new system must be healthy without a break. */
  readonly healthyForMs: number;
  /** How long it may take to get there. */
  readonly deadlineMs: number;
}

const checkIntervalMs = 1_000;
/** How long a link may take that has just been broken, or is on its way after a start: longer than its longest pause. */
const linkTimeoutMs = 180_000;

interface LinkProbe extends Runtime {
  readonly linkUp: () => boolean;
}

/**
 * Healthy is: the agent runs, and the link is up if it was up before the update. Not "the link is up": a hub that is
 * away for its own reasons must not turn a good fleet back.
 */
export function createHealthCheck(ports: LinkProbe, terms: HealthCheckLimits): HealthCheck {
  const { timer, bootClock, linkUp } = ports;
  return {
    async verify(before, signal): Promise<void> {
      const beganMs = bootClock.nowMs();
      let healthySinceMs: number | undefined;
      for (;;) {
        const nowMs = bootClock.nowMs();
        healthySinceMs = before.linkUp && !linkUp() ? undefined : (healthySinceMs ?? nowMs);
        if (healthySinceMs !== undefined && nowMs - healthySinceMs >= terms.healthyForMs) return;
        if (nowMs - beganMs >= terms.deadlineMs) {
          throw new AgentError(
            "not-proven",
            `The new system could not reach the hub within ${Math.round(terms.deadlineMs / 1_000)} s, as the old one could. Look at its network and its credentials.`,
          );
        }
        await timer.after(Math.min(checkIntervalMs, Math.max(1, terms.healthyForMs)), signal);
      }
    },
  };
}

/**
 * Whether this board reaches its hub: what the new system will be measured by. One look would take a board that has just
 * started, or whose link is being renewed, for one without a hub, and ask nothing of the new system.
 */
export async function waitForLink({ timer, bootClock, linkUp }: LinkProbe, signal: AbortSignal): Promise<boolean> {
  const untilMs = bootClock.nowMs() + linkTimeoutMs;
  while (!linkUp()) {
    if (bootClock.nowMs() >= untilMs) return false;
    await timer.after(checkIntervalMs, signal);
  }
  return true;
}
