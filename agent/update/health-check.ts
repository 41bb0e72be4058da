import type { Runtime } from "../lib/runtime.ts";
import { AgentError } from "../lib/errors.ts";
import type { HealthCheck } from "./ports.ts";

export interface HealthCheckLimits {
  /** How long the new system must be healthy without interruption. */
  readonly healthyForMs: number;
  /** The longest time for the whole check. */
  readonly deadlineMs: number;
}

const checkIntervalMs = 1_000;
/** The longest time to wait for a connection: longer than the longest pause between two attempts. */
const linkTimeoutMs = 180_000;

interface LinkProbe extends Runtime {
  readonly linkUp: () => boolean;
}

/**
 * Healthy means: the agent runs, and is connected if it was before the update. Without that condition, an outage of the hub
 * would roll back a good fleet.
 */
export function createHealthCheck(ports: LinkProbe, limits: HealthCheckLimits): HealthCheck {
  const { timer, bootClock, linkUp } = ports;
  return {
    async verify(before, signal): Promise<void> {
      const startedMs = bootClock.nowMs();
      let healthySinceMs: number | undefined;
      for (;;) {
        const nowMs = bootClock.nowMs();
        healthySinceMs = before.linkUp && !linkUp() ? undefined : (healthySinceMs ?? nowMs);
        if (healthySinceMs !== undefined && nowMs - healthySinceMs >= limits.healthyForMs) return;
        if (nowMs - startedMs >= limits.deadlineMs) {
          throw new AgentError(
            "not-proven",
            `The new system could not reach the hub within ${Math.round(limits.deadlineMs / 1_000)} s, as the old one could. Check its network and its credentials.`,
          );
        }
        await timer.after(Math.min(checkIntervalMs, Math.max(1, limits.healthyForMs)), signal);
      }
    },
  };
}

/**
 * Whether this board reaches its hub: the baseline for the new system. Waits, because a board that has just started or that
 * is reconnecting would otherwise count as one without a hub, and the new system would have to reach none.
 */
export async function waitForLink({ timer, bootClock, linkUp }: LinkProbe, signal: AbortSignal): Promise<boolean> {
  const untilMs = bootClock.nowMs() + linkTimeoutMs;
  while (!linkUp()) {
    if (bootClock.nowMs() >= untilMs) return false;
    await timer.after(checkIntervalMs, signal);
  }
  return true;
}
