import { mkdir, unlink, writeFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Timer } from "../../../lib/clock.ts";
import { AgentError, isAbsent } from "../../../lib/errors.ts";
import { readRegularFile } from "../../../lib/regular-file.ts";

/** The state of one of the owner's units. */
export interface UnitState {
  readonly name: string;
  /** As systemd calls it: active, activating, failed … */
  readonly state: string;
  /** Seconds since it became active; 0 where it is not. */
  readonly activeSeconds: number;
}

/** The units that board.conf names, as `release.units`. Calls reject with an AgentError that says why, and what to do. */
export interface OwnersUnits {
  /** Restarts them, and waits until they have started. */
  restart(signal: AbortSignal): Promise<void>;
  stop(signal: AbortSignal): Promise<void>;
  states(signal: AbortSignal): Promise<readonly UnitState[]>;
}

export interface RestartHelperPorts {
  /** /run/boardkeeper/restart: root's alone. */
  readonly folder: string;
  readonly bootId: string;
  readonly timer: Timer;
  /** A unique id for each request: hex digits and dashes. */
  readonly newId: () => string;
  /** Seconds since boot, as /proc/uptime counts them. */
  readonly uptimeSeconds: () => Promise<number>;
}

/** How long a request is valid: systemd starts the restart helper at once, unless it still works for a caller that was killed. */
const validSeconds = 30;
/** The time limit of the restart helper's unit, after a request has waited for as long as it is valid; and a little more. */
const answerTimeoutMs = 210_000;
const pollMs = 50;
/** One expires behind the former caller's at most: only one process asks at a time. */
const attempts = 2;

/**
 * Asks root's restart helper (systemd/libexec/restart-helper), which may speak to systemd: the process that reads archives may not.
 * It reads the units' names itself.
 */
export function unitsViaRestartHelper(ports: RestartHelperPorts): OwnersUnits {
  const act = async (action: string, signal: AbortSignal): Promise<readonly UnitState[]> => {
    for (let attempt = 1; ; attempt += 1) {
      const { outcome, why, units } = await ask(ports, action, signal);
      if (outcome === "done") return units;
      if (outcome === "expired" && attempt < attempts) continue;
      throw new AgentError(outcome === "refused" ? "installer-not-allowed" : "installer-failed", why);
    }
  };
  return {
    restart: async (signal) => void (await act("restart", signal)),
    stop: async (signal) => void (await act("stop", signal)),
    states: async (signal) => await act("show", signal),
  };
}

interface Answer {
  readonly outcome: string;
  readonly why: string;
  readonly units: readonly UnitState[];
}

async function ask(ports: RestartHelperPorts, action: string, signal: AbortSignal): Promise<Answer> {
  const { folder, bootId, timer } = ports;
  const id = ports.newId();
  const request = join(folder, "request");
  const until = Math.floor(await ports.uptimeSeconds()) + validSeconds;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(`${request}.new`, `request=${id}\nboot=${bootId}\nuntil=${until}\naction=${action}\n`);
  await rename(`${request}.new`, request);
  try {
    for (let waitedMs = 0; waitedMs < answerTimeoutMs; waitedMs += pollMs) {
      const answer = await readAnswer(id, join(folder, "answer"));
      if (answer !== undefined) return answer;
      await timer.after(pollMs, signal);
    }
  } finally {
    // A request that is gone was taken.
    await unlink(request).catch((cause: unknown) => {
      if (!isAbsent(cause)) throw cause;
    });
  }
  throw new AgentError(
    "installer-timed-out",
    "The restart helper did not answer within 210 s. Run systemctl status boardkeeper-restart.path boardkeeper-restart.service on the board.",
  );
}

async function readAnswer(id: string, path: string): Promise<Answer | undefined> {
  const text = await readRegularFile(path).catch((cause: unknown) => {
    if (isAbsent(cause)) return "";
    throw cause;
  });
  const [, request, outcome = "", why = "", units = ""] =
    /^request=(.*)\nverdict=(.*)\nwhy=(.*)\n((?:unit=\S+ \S+ \d+\n)*)$/.exec(text) ?? [];
  if (request !== id) return undefined;
  return {
    outcome,
    why,
    units: [...units.matchAll(/^unit=(\S+) (\S+) (\d+)$/gm)].map(([, name = "", state = "", seconds = ""]) => ({
      name,
      state,
      activeSeconds: Number(seconds),
    })),
  };
}
