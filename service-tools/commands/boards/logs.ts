import { InvalidArgumentError, Option, type Command } from "commander";
import { isJsonObject, type JsonObject } from "../../../agent/contract/json.ts";
import { logLevels, formatLogLine, type LogLineLevel } from "../../../agent/contract/logs.ts";
import { askBoard } from "../../boards/invoke-method.ts";
import { readDuration } from "../../cli/screen/measures.ts";
import { withHub } from "../../cli/with-hub.ts";
import type { World } from "../../cli/context.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printResult } from "../result.ts";

interface LogsOptions extends TargetOptions {
  readonly since?: string;
  readonly level?: LogLineLevel;
}

/** `boardkeeper logs` */
export function addLogs(program: Command, world: World): void {
  withTargetOptions(program.command("logs"))
    .description("the last lines of a board's log, which its agent has in memory")
    .option("--since <time>", "from then on: so long ago, such as 10m, or a time with its zone", (text) =>
      time(text, world.now()),
    )
    .addOption(new Option("--level <level>", "as important as this, or more").choices(logLevels))
    .action((options: LogsOptions) =>
      withHub(world, options, async (client) => {
        const { since, level } = options;
        const payload = { ...(since === undefined ? {} : { since }), ...(level === undefined ? {} : { level }) };
        const { payload: answer } = await askBoard(client, targetOf(options), { method: "getLogs", payload });
        const page: JsonObject = isJsonObject(answer) ? answer : {};
        const { lines: told, omitted: left } = page;
        const lines = Array.isArray(told) ? told.filter(isJsonObject) : [];
        const omitted = typeof left === "number" ? left : 0;
        if (omitted > 0)
          world.err.write(`${omitted} older lines did not fit an answer: narrow it with --since or --level.\n`);
        printResult(world.out, options.output, {
          json: { deviceId: options.deviceId, moduleId: options.moduleId ?? null, lines, omitted },
          text: lines.map((line) => `${formatLogLine(line)}\n`).join(""),
        });
      }),
    );
}

function time(text: string, now: Date): string {
  const agoMs = readDuration(text);
  if (agoMs !== undefined) return new Date(now.getTime() - agoMs).toISOString();
  const at = /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError(
    "Expected a duration such as 10m, or a time with its zone such as 2030-01-31T23:59:00Z.",
  );
}
