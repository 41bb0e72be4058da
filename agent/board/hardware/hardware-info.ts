import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { check } from "../../contract/check.ts";
import type { HardwareInfo } from "../../contract/snapshot.ts";
import { stateFileNames } from "../../config/paths.ts";
import { replaceFile } from "../fs/files.ts";
import { readRegularFile } from "../../lib/regular-file.ts";

/*
 * The hardware of a board, probed once per boot, when nobody waits for it, and saved.
 */

const run = promisify(execFile);
const timeLimitMs = 30_000;

const nullableText = v.nullable(v.string());
const hardwareSchema = v.object({
  cpu: nullableText,
  cores: v.nullable(v.number()),
  disks: v.array(v.object({ name: v.string(), model: v.string(), sizeBytes: v.number() })),
  interfaces: v.array(v.object({ name: v.string(), mac: v.string() })),
});
const kept = v.object({ bootId: v.string(), equipment: hardwareSchema });

/** The saved hardware info; undefined where there is none, or it cannot be read. */
export async function loadHardwareInfo(
  folder: string,
): Promise<{ readonly bootId: string; readonly equipment: HardwareInfo } | undefined> {
  try {
    const read = check(kept, JSON.parse(await readRegularFile(pathIn(folder))));
    return read.ok ? read.value : undefined;
  } catch {
    return undefined; // Absent or damaged: it is probed again. A disk error is reported at the next save.
  }
}

export async function saveHardwareInfo(folder: string, bootId: string, hardware: HardwareInfo): Promise<void> {
  await replaceFile(pathIn(folder), `${JSON.stringify({ bootId, equipment: hardware })}\n`);
}

/**
 * Probes the hardware in a process of its own (hardware-probe.ts): what finds it out would stay in the agent's memory for as long as it
 * runs. Rejects after 30 s, and when the signal aborts; what is unknown is null or empty.
 * @param program the agent's own, beside whose folder the probe lies
 */
export async function probeHardwareInfo(program: string, signal: AbortSignal): Promise<HardwareInfo> {
  const probe = join(dirname(program), "agent/hardware-probe.mjs");
  const env = { PATH: process.env["PATH"] };
  const options = { env, signal, timeout: timeLimitMs, killSignal: "SIGKILL" } as const;
  const { stdout } = await run(process.execPath, [probe], options).catch((cause: unknown) => {
    if (signal.aborted || !(cause instanceof Error && "killed" in cause && cause.killed === true)) throw cause;
    const late = `lscpu or lsblk gave no answer within ${timeLimitMs / 1_000} s. Check the board's processes.`;
    throw new Error(late, { cause });
  });
  const read = check(hardwareSchema, JSON.parse(stdout));
  if (!read.ok) throw new Error(`The hardware probe's answer is not valid: ${read.problems.join("; ")}`);
  return read.value;
}

function pathIn(folder: string): string {
  return join(folder, stateFileNames.hardwareInfo);
}
