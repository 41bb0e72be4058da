import type { Runtime } from "../lib/runtime.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
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
 * Healthy means: the agent runs, is connected if it was before the update, and the installer finds nothing wrong. Without the
 * condition on the connection, an outage of the hub would roll back a good fleet.
 */
export function createHealthCheck(ports: LinkProbe, limits: HealthCheckLimits): HealthCheck {
  const { timer, bootClock, linkUp } = ports;
  return {
    async verify(before, healthy, signal): Promise<void> {
      const startedMs = bootClock.nowMs();
      let healthySinceMs: number | undefined;
      for (;;) {
        const problem = before.linkUp && !linkUp() ? notConnected(limits) : await problemOf(healthy, limits, signal);
        const nowMs = bootClock.nowMs();
        healthySinceMs = problem === undefined ? (healthySinceMs ?? nowMs) : undefined;
        if (healthySinceMs !== undefined && nowMs - healthySinceMs >= limits.healthyForMs) return;
        if (nowMs - startedMs >= limits.deadlineMs) throw problem ?? notHealthyForLong(limits);
        await timer.after(Math.min(checkIntervalMs, Math.max(1, limits.healthyForMs)), signal);
      }
    },
  };
}

function notConnected({ deadlineMs }: HealthCheckLimits): AgentError {
  return new AgentError(
    "not-proven",
    `The new system could not reach the hub within ${Math.round(deadlineMs / 1_000)} s, as the old one could. Check its network and its credentials.`,
  );
}

function notHealthyForLong({ healthyForMs, deadlineMs }: HealthCheckLimits): AgentError {
  return new AgentError(
    "not-proven",
    `The new system was not healthy for ${Math.round(healthyForMs / 1_000)} s without interruption within ${Math.round(deadlineMs / 1_000)} s. Check its network and its log.`,
  );
}

/** What the installer finds wrong. An installer that cannot tell counts as one that found something. */
async function problemOf(
  healthy: (signal: AbortSignal) => Promise<void>,
  { deadlineMs }: HealthCheckLimits,
  signal: AbortSignal,
): Promise<AgentError | undefined> {
  try {
    await healthy(signal);
    return undefined;
  } catch (cause) {
    signal.throwIfAborted();
    const why = `The installer did not find the new system healthy within ${Math.round(deadlineMs / 1_000)} s`;
    return new AgentError("not-proven", `${why}: ${errorMessage(cause)}`, { cause });
  }
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
