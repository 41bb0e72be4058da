import { readFile } from "node:fs/promises";
import { expect } from "vitest";

/* What a process has read, as the kernel counts it. */

/** Bytes that all of its reads have given it, of files and sockets alike (`rchar` in proc(5)). */
export async function bytesRead(pid: number): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** Stops a process where it stands. Resolves when no thread of it runs any more: it reads nothing from then on. */
export async function halt(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await expect.poll(() => readFile(`/proc/${pid}/status`, "utf8")).toMatch(/^State:\tT/m);
}

/** Bytes that have come from a port of this machine and that nobody has read: the kernel has acknowledged them. */
export async function bytesUnread(fromPort: number): Promise<number> {
  const rows = (await readFile("/proc/net/tcp", "utf8")).split("\n").map((row) => row.trim().split(/\s+/));
  const remote = `:${fromPort.toString(16).toUpperCase().padStart(4, "0")}`;
  return rows
    .filter(([, , to]) => to?.endsWith(remote))
    .map(([, , , , queues]) => Number.parseInt(queues?.split(":")[1] ?? "0", 16))
    .reduce((sum, bytes) => sum + bytes, 0);
}
