import { chmod, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Timer } from "../../lib/clock.ts";
import { AgentError, errorMessage, isAbsent } from "../../lib/errors.ts";
import { readRegularFile } from "../../lib/regular-file.ts";
import { inhibitedMessage, type Inhibitor } from "../../reboot/inhibited-message.ts";
import type { RebootPort } from "../../reboot/runner.ts";

export interface RebootHelperPorts {
  /** The folder of requests and answers: /run/boardkeeper. */
  readonly folder: string;
  readonly bootId: string;
  readonly timer: Timer;
  /** A unique id for each request: hex digits and dashes. */
  readonly newId: () => string;
  /** Seconds since boot, as /proc/uptime counts them. */
  readonly uptimeSeconds: () => Promise<number>;
  readonly inhibitors: () => Promise<readonly Inhibitor[]>;
}

/** How long a request is valid. */
const validSeconds = 30;
/** How long to wait for the answer: the request's validity, and the helper's own timeouts. */
const answerTimeoutMs = 60_000;
const pollMs = 100;

/** Reboots the board through root's `systemd/libexec/reboot-helper`: writes a request file and waits for the answer file. */
export function rebootViaHelper(ports: RebootHelperPorts): RebootPort["reboot"] {
  const { folder, bootId, timer } = ports;
  const request = join(folder, "requests", "reboot");
  return async ({ force }, signal) => {
    const id = ports.newId();
    const until = Math.floor(await ports.uptimeSeconds()) + validSeconds;
    await writeRequest(request, `request=${id}\nboot=${bootId}\nuntil=${until}\nforce=${force ? "yes" : "no"}\n`);
    for (let waitedMs = 0; waitedMs < answerTimeoutMs; waitedMs += pollMs) {
      const answer = await readAnswer(id, join(folder, "answers", "reboot"));
      if (answer !== undefined) return await throwUnlessOrdered(answer, ports);
      await timer.after(pollMs, signal);
    }
    // Withdrawn, so that no later reboot comes of it. A request that is gone was taken, and its reboot may be under way.
    if (await withdraw(request)) {
      throw new Error(
        "the reboot helper did not answer within a minute; run systemctl status boardkeeper-reboot.path boardkeeper-reboot.service on the board",
      );
    }
  };
}

interface HelperAnswer {
  readonly outcome: string;
  readonly why: string;
}

async function throwUnlessOrdered({ outcome, why }: HelperAnswer, ports: RebootHelperPorts): Promise<void> {
  if (outcome === "ordered") return;
  if (outcome !== "inhibited") throw new Error(why);
  const held = await ports.inhibitors();
  throw new AgentError(
    "inhibited",
    inhibitedMessage(held.length > 0 ? held : [{ who: "somebody", why: "released by now" }]),
  );
}

/** Writes a request atomically, readable for the helper whatever our umask is. */
async function writeRequest(path: string, text: string): Promise<void> {
  try {
    await writeFile(`${path}.new`, text);
    await chmod(`${path}.new`, 0o644);
    await rename(`${path}.new`, path);
  } catch (cause) {
    const why = errorMessage(cause);
    throw new Error(
      `this board has no reboot helper (${why}); install its units from systemd/, or set reboot.command`,
      { cause },
    );
  }
}

async function readAnswer(id: string, path: string): Promise<HelperAnswer | undefined> {
  const text = await readRegularFile(path).catch((cause: unknown) => {
    if (isAbsent(cause)) return "";
    throw cause;
  });
  const [, request, outcome = "", why = ""] = /^request=(.*)\nverdict=(.*)\nwhy=(.*)\n$/.exec(text) ?? [];
  return request === id ? { outcome, why } : undefined;
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
