import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { callMethod } from "../../board/local-api/client.ts";
import { isSystemdBooted } from "../../board/probes/systemd.ts";
import { serviceUnit } from "../../config/paths.ts";
import { isJsonObject, type JsonObject } from "../../contract/json.ts";
import { formatLogLine, isAtLeastLevel, logLevels, type LogLineLevel } from "../../contract/logs.ts";
import { UsageError, type Arguments } from "../arguments.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "../command-context.ts";

interface Filter {
  /** ISO 8601: lines from then on. */
  readonly since: string | undefined;
  readonly level: LogLineLevel | undefined;
}

/** `boardkeeper-agent logs`: from the journal under systemd; else the last lines in the running agent's memory. */
export async function showLogs(args: Arguments, terminal: Terminal): Promise<number> {
  const since = args.since === undefined ? undefined : parseSince(args.since, Date.now());
  if (args.since !== undefined && since === undefined)
    throw new UsageError(
      `--since: expected 10m, 2h or a time such as 2030-01-31T23:59:00Z, got "${args.since}".`,
      "logs",
    );
  const level = logLevels.find((one) => one === args.level);
  if (args.level !== undefined && level === undefined)
    throw new UsageError(`--level: expected one of ${logLevels.join(", ")}, got "${args.level}".`, "logs");
  const filter = { since, level };
  if ((await isSystemdBooted()) && !args.simulate) return await showJournal(args, filter, terminal);
  return await showAgentLog(args, filter, terminal);
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time as it is typed: `10m` ago, or an ISO 8601 time. Returns ISO 8601; undefined for anything else. */
export function parseSince(text: string, nowMs: number): string | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const known = Object.entries(unitMs).find(([name]) => name === unit);
  const ms = known === undefined ? Date.parse(text) : nowMs - Number(count) * known[1];
  return Number.isNaN(ms) || Math.abs(ms) > 8.64e15 ? undefined : new Date(ms).toISOString();
}

async function showJournal({ follow, json }: Arguments, { since, level }: Filter, terminal: Terminal): Promise<number> {
  const from = since === undefined ? [] : [`--since=${since.slice(0, 19).replace("T", " ")} UTC`];
  const args = ["--unit", serviceUnit, "--output=cat", "--no-pager", ...from, ...(follow ? ["--follow"] : [])];
  const journal = spawn("journalctl", args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number>((resolve, reject) => {
    journal.once("error", (cause) =>
      reject(new CommandFailed(`journalctl cannot be run: ${cause.message}`, { cause })),
    );
    journal.once("close", (status) => resolve(status ?? 1));
  });
  const reading = (async () => {
    for await (const text of createInterface({ input: journal.stdout })) {
      const line = parseLine(text);
      // Lines of systemd, or of a crash, are not the agent's JSON: always shown.
      if (line === undefined || isAtLeastLevel(line, level))
        terminal.out(`${json || line === undefined ? text : formatLogLine(line)}\n`);
    }
  })();
  const [status] = await Promise.all([ended, reading]);
  return status === 0 ? 0 : 1;
}

async function showAgentLog(args: Arguments, { since, level }: Filter, terminal: Terminal): Promise<number> {
  if (args.follow)
    throw new CommandFailed(
      "systemd does not run here, so there is no journal to follow. Follow the output of boardkeeper-agent run instead.",
    );
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const payload = { ...(since === undefined ? {} : { since }), ...(level === undefined ? {} : { level }) };
  const reply = await callMethod(stateDir, "getLogs", payload);
  if (reply === undefined) {
    throw new CommandFailed(
      "There is no log: systemd does not run here, and no agent is running. boardkeeper-agent run writes its log to standard output.",
    );
  }
  const { lines, omitted } = reply.payload;
  for (const line of Array.isArray(lines) ? lines.filter(isJsonObject) : [])
    terminal.out(`${args.json ? JSON.stringify(line) : formatLogLine(line)}\n`);
  if (typeof omitted === "number" && omitted > 0) terminal.note(`(${omitted} older lines did not fit.)\n`);
  return 0;
}

function parseLine(text: string): JsonObject | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return isJsonObject(read) ? read : undefined;
  } catch {
    return undefined;
  }
}
