import { Argument, InvalidArgumentError, type Command } from "commander";
import { faultNames, isFaultName, faultKind } from "../../local-hub/faults/catalog.ts";
import type { FaultName } from "../../local-hub/faults/catalog.ts";
import type { Parameter } from "../../local-hub/faults/fault-kind.ts";
import { formatRecord, formatTable, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";

/** `boardkeeper hub fault kinds` */
export function addFaultKinds(fault: Command, { out }: Context): void {
  fault
    .command("kinds")
    .description("list the kinds of faults, or describe one of them")
    .addArgument(nameArgument("[name]", "the kind to describe"))
    .addOption(outputOption())
    .action((name: FaultName | undefined, { output: format }: { output: Format }) => {
      printResult(out, format, name === undefined ? allKinds() : oneKind(name));
    });
}

export function nameArgument(name: string, description: string): Argument {
  return new Argument(name, description).argParser((text) => {
    if (isFaultName(text)) return text;
    throw new InvalidArgumentError(`Expected one of: ${faultNames().join(", ")}.`);
  });
}

interface Result {
  readonly json: object;
  readonly text: string;
}

function allKinds(): Result {
  const rows = faultNames().map((name) => {
    const { on, summary } = faultKind(name);
    return { name, on: on.join(","), summary: summary.split(/(?<=\.) /)[0] };
  });
  return {
    json: Object.fromEntries(faultNames().map((name) => [name, faultKind(name)])),
    text: `${formatTable(["name", "on", "summary"], rows)}\n`,
  };
}

function oneKind(name: FaultName): Result {
  const kind = faultKind(name);
  const { summary, like, on, forOne, acts, parameters } = kind;
  const about = { name, what: summary, like, on: on.join(", "), acts: actsText[acts], "for one device": forOne };
  const rows = Object.entries(parameters).map(([parameter, one]) => parameterRow(parameter, one));
  const table = rows.length === 0 ? "" : `\n${formatTable(["parameter", "values", "default"], rows)}\n`;
  return { json: { name, ...kind }, text: `${formatRecord(about)}\n${table}` };
}

const actsText = {
  now: "once, when it is added",
  port: "on all clients, while it is on",
  connection: "on connections, while it is on",
  occasion: "each time that it applies",
} as const;

function parameterRow(parameter: string, one: Parameter): Readonly<Record<"parameter" | "values" | "default", string>> {
  if ("words" in one) return { parameter, values: one.words.join(" | "), default: one.words[0] };
  return { parameter, values: `${one.min} to ${one.max}`, default: String(one.byDefault) };
}
