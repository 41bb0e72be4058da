import { chmod, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Timer } from "../../lib/clock.ts";
import { AgentError, errorMessage, isAbsent } from "../../lib/errors.ts";
import { inhibitedMessage, type Inhibitor } from "../../reboot/inhibitors.ts";
import type { RebootPort } from "../../reboot/runner.ts";

export interface RebootHelperPorts {
  /** Where requests and answers lie: /run/boardkeeper. */
  readonly folder: string;
  readonly bootId: string;
  readonly timer: Timer;
  /** Another text for each request: hex digits and dashes. */
  readonly newId: () => string;
  /** Seconds since boot, as /proc/uptime counts them. */
  readonly uptimeSeconds: () => Promise<number>;
  readonly inhibitors: () => Promise<readonly Inhibitor[]>;
}

/** How long the door may wait before it grants a request. */
const validSeconds = 30;
/** How long an answer may take: the request, and then what the door waits for itself. */
const answerTimeoutMs = 60_000;
const pollEveryMs = 100;

/** Reboots the board through root's door, `systemd/libexec/reboot-helper`: leaves a request, and waits for the answer. */
export function rebootViaHelper(ports: RebootHelperPorts): RebootPort["reboot"] {
  const { folder, bootId, timer } = ports;
  const request = join(folder, "requests", "reboot");
  return async ({ force }, signal) => {
    const id = ports.newId();
    const until = Math.floor(await ports.uptimeSeconds()) + validSeconds;
    await writeRequest(request, `request=${id}\nboot=${bootId}\nuntil=${until}\nforce=${force ? "yes" : "no"}\n`);
    for (let waitedMs = 0; waitedMs < answerTimeoutMs; waitedMs += pollEveryMs) {
      const answer = await readAnswer(id, join(folder, "answers", "reboot"));
      if (answer !== undefined) return await throwUnlessOrdered(answer, ports);
      await timer.after(pollEveryMs, signal);
    }
    // Taken back: the door will not open for it later. One that is gone was taken, and may be on its way to be granted.
    if (await withdraw(request)) {
      throw new Error(
        "nobody came to the reboot door within a minute; run systemctl status boardkeeper-reboot.path boardkeeper-reboot.service on the board",
      );
    }
  };
}

interface HelperAnswer {
  readonly outcome: string;
  readonly why: string;
}

async function throwUnlessOrdered({ outcome: verdict, why }: HelperAnswer, ports: RebootHelperPorts): Promise<void> {
  if (verdict === "ordered") return;
  if (verdict !== "inhibited") throw new Error(why);
  const held = await ports.inhibitors();
  throw new AgentError(
    "inhibited",
    inhibitedMessage(held.length > 0 ? held : [{ who: "somebody", why: "released by now" }]),
  );
}

/** Puts a request where the door looks, whole or not at all, readable to it whatever our umask is. */
async function writeRequest(path: string, text: string): Promise<void> {
  try {
    await writeFile(`${path}.new`, text);
    await chmod(`${path}.new`, 0o644);
    await rename(`${path}.new`, path);
  } catch (cause) {
    const why = errorMessage(cause);
    throw new Error(
      `there is no reboot door on this board (${why}); install its units from systemd/, or set reboot.command`,
      { cause },
    );
  }
}

async function readAnswer(id: string, path: string): Promise<HelperAnswer | undefined> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (isAbsent(cause)) return "";
    throw cause;
  });
  const [, request, verdict = "", why = ""] = /^request=(.*)\nverdict=(.*)\nwhy=(.*)\n$/.exec(text) ?? [];
  return request === id ? { outcome: verdict, why } : undefined;
}

async function withdraw(path: string): Promise<boolean> {
  return await unlink(path).then(
    () => true,
    (cause: unknown) => {
      if (isAbsent(cause)) return false;
      throw cause;
    },
  );
}
