import { InvalidArgumentError, Option, type Command } from "commander";
import { isJsonObject, type JsonObject } from "../../../agent/contract/json.ts";
import { logLevels, formatLogLine, type LogLineLevel } from "../../../agent/contract/logs.ts";
import { invokeMethod } from "../../boards/invoke-method.ts";
import { parseDuration } from "../../cli/units.ts";
import { type Context, withHub } from "../../context.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printResult } from "../../cli/output.ts";

interface LogsOptions extends TargetOptions {
  readonly since?: string;
  readonly level?: LogLineLevel;
}

/** `boardkeeper logs` */
export function addLogs(program: Command, context: Context): void {
  withTargetOptions(program.command("logs"))
    .description("print the last lines of a board's log, which its agent keeps in memory")
    .option("--since <time>", "only lines since then: a duration ago, such as 10m, or a time with its zone", (text) =>
      time(text, context.now()),
    )
    .addOption(new Option("--level <level>", "only lines of this level or a more severe one").choices(logLevels))
    .action((options: LogsOptions) =>
      withHub(context, options, async (client) => {
        const { since, level } = options;
        const payload = { ...(since === undefined ? {} : { since }), ...(level === undefined ? {} : { level }) };
        const { payload: answer } = await invokeMethod(client, targetOf(options), { method: "getLogs", payload });
        const page: JsonObject = isJsonObject(answer) ? answer : {};
        const { lines: lineValues, omitted: omittedValue } = page;
        const lines = Array.isArray(lineValues) ? lineValues.filter(isJsonObject) : [];
        const omitted = typeof omittedValue === "number" ? omittedValue : 0;
        if (omitted > 0)
          context.err.write(`${omitted} older lines did not fit into one answer. Narrow it with --since or --level.\n`);
        printResult(context.out, options.output, {
          json: { deviceId: options.deviceId, moduleId: options.moduleId ?? null, lines, omitted },
          text: lines.map((line) => `${formatLogLine(line)}\n`).join(""),
        });
      }),
    );
}

function time(text: string, now: Date): string {
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return new Date(now.getTime() - agoMs).toISOString();
  const at = /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError(
    "Expected a duration such as 10m, or a time with its zone such as 2030-01-31T23:59:00Z.",
  );
}
