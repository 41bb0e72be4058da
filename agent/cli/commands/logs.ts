import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { UsageError, type Arguments } from "../arguments.ts";
import { callMethod } from "../../board/local-api/client.ts";
import { isSystemdBooted } from "../../board/probes/systemd.ts";
import { isJsonObject, type JsonObject } from "../../contract/json.ts";
import { isAtLeastLevel, logLevels, formatLogLine, type LogLineLevel } from "../../contract/logs.ts";
import { sinceFrom } from "../since.ts";
import { serviceUnit } from "../../config/paths.ts";
import { inspectTargetConfig } from "./config.ts";
import { CommandFailed, type Terminal } from "./terminal.ts";

/** `boardkeeper-agent logs`: the journal's, where systemd keeps one; else those that the running agent has in memory. */
export async function showLogs(given: Arguments, terminal: Terminal): Promise<number> {
  const since = given.since === undefined ? undefined : sinceFrom(given.since, Date.now());
  if (given.since !== undefined && since === undefined)
    throw new UsageError(
      `--since: expected 10m, 2h or a time such as 2030-01-31T23:59:00Z, got "${given.since}".`,
      "logs",
    );
  const level = logLevels.find((one) => one === given.level);
  if (given.level !== undefined && level === undefined)
    throw new UsageError(`--level: expected one of ${logLevels.join(", ")}, got "${given.level}".`, "logs");
  const asked = { since, level };
  if ((await isSystemdBooted()) && !given.simulate) return await fromJournal(given, asked, terminal);
  return await fromAgent(given, asked, terminal);
}

interface Asked {
  readonly since: string | undefined;
  readonly level: LogLineLevel | undefined;
}

async function fromJournal({ follow, json }: Arguments, { since, level }: Asked, terminal: Terminal): Promise<number> {
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
      const line = lineIn(text);
      // What systemd itself, or a crash, has said is no line of ours: never left out.
      if (line === undefined || isAtLeastLevel(line, level))
        terminal.out(`${json || line === undefined ? text : formatLogLine(line)}\n`);
    }
  })();
  const [status] = await Promise.all([ended, reading]);
  return status === 0 ? 0 : 1;
}

async function fromAgent(given: Arguments, { since, level }: Asked, terminal: Terminal): Promise<number> {
  if (given.follow)
    throw new CommandFailed(
      "There is no journal here to follow: systemd is not in charge. Follow the output of boardkeeper-agent run instead.",
    );
  const { stateDir } = await inspectTargetConfig(given, terminal);
  const payload = { ...(since === undefined ? {} : { since }), ...(level === undefined ? {} : { level }) };
  const reply = await callMethod(stateDir, "getLogs", payload);
  if (reply === undefined) {
    throw new CommandFailed(
      "No systemd is in charge here and no agent is running, so nobody has kept a log. Its lines go to the standard output of boardkeeper-agent run.",
    );
  }
  const { lines, omitted } = reply.payload;
  for (const line of Array.isArray(lines) ? lines.filter(isJsonObject) : [])
    terminal.out(`${given.json ? JSON.stringify(line) : formatLogLine(line)}\n`);
  if (typeof omitted === "number" && omitted > 0) terminal.note(`(${omitted} older lines did not fit.)\n`);
  return 0;
}

function lineIn(text: string): JsonObject | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return isJsonObject(read) ? read : undefined;
  } catch {
    return undefined;
  }
}
