import type { Runtime } from "../lib/runtime.ts";
import { AgentError } from "../lib/errors.ts";
import type { HealthCheck } from "./ports.ts";

export interface HealthTerms {
  /** How long the new system must be healthy without a break. */
  readonly steadyMs: number;
  /** How long it may take to get there. */
  readonly withinMs: number;
}

const lookEveryMs = 1_000;
/** How long a link may take that has just been broken, or is on its way after a start: longer than its longest pause. */
const linkPatienceMs = 180_000;

interface LinkView extends Runtime {
  readonly linkUp: () => boolean;
}

/**
 * Healthy is: the agent runs, and the link is up if it was up before the update. Not "the link is up": a hub that is
 * away for its own reasons must not turn a good fleet back.
 */
export function healthCheck(ports: LinkView, terms: HealthTerms): HealthCheck {
  const { timer, bootClock, linkUp } = ports;
  return {
    async prove(before, signal): Promise<void> {
      const beganMs = bootClock.nowMs();
      let healthySinceMs: number | undefined;
      for (;;) {
        const nowMs = bootClock.nowMs();
        healthySinceMs = before.linkUp && !linkUp() ? undefined : (healthySinceMs ?? nowMs);
        if (healthySinceMs !== undefined && nowMs - healthySinceMs >= terms.steadyMs) return;
        if (nowMs - beganMs >= terms.withinMs) {
          throw new AgentError(
            "not-proven",
            `The new system could not reach the hub within ${Math.round(terms.withinMs / 1_000)} s, as the old one could. Look at its network and its credentials.`,
          );
        }
        await timer.after(Math.min(lookEveryMs, Math.max(1, terms.steadyMs)), signal);
      }
    },
  };
}

/**
 * Whether this board reaches its hub: what the new system will be measured by. One look would take a board that has just
 * started, or whose link is being renewed, for one without a hub, and ask nothing of the new system.
 */
export async function linkWithin({ timer, bootClock, linkUp }: LinkView, signal: AbortSignal): Promise<boolean> {
  const untilMs = bootClock.nowMs() + linkPatienceMs;
  while (!linkUp()) {
    if (bootClock.nowMs() >= untilMs) return false;
    await timer.after(lookEveryMs, signal);
  }
  return true;
}
