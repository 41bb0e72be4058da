import { Argument, Command, InvalidArgumentError } from "commander";
import { faultNames, isFaultName, faultKind } from "../../local-hub/faults/catalog.ts";
import type { FaultName } from "../../local-hub/faults/catalog.ts";
import type { Parameter } from "../../local-hub/faults/fault-kind.ts";
import { outputOption, renderRecord, renderTable } from "../../cli/output.ts";
import type { Format, Output } from "../../cli/output.ts";

export function faultKindsCommand(output: Output): Command {
  return new Command("kinds")
    .description("show the faults that there are, or everything about one")
    .addArgument(nameArgument("[name]", "one of them"))
    .addOption(outputOption())
    .action((name: FaultName | undefined, { output: format }: { output: Format }) => {
      output.result(name === undefined ? allKinds(format) : oneKind(format, name));
    });
}

export function nameArgument(name: string, description: string): Argument {
  return new Argument(name, description).argParser((text) => {
    if (isFaultName(text)) return text;
    throw new InvalidArgumentError(`There are: ${faultNames().join(", ")}.`);
  });
}

function allKinds(format: Format): string {
  if (format === "json") {
    return JSON.stringify(Object.fromEntries(faultNames().map((name) => [name, faultKind(name)])), null, 2);
  }
  const rows = faultNames().map((name) => {
    const { on, summary } = faultKind(name);
    return { name, on: on.join(","), summary: summary.split(/(?<=\.) /)[0] };
  });
  return renderTable("table", ["name", "on", "summary"], rows);
}

function oneKind(format: Format, name: FaultName): string {
  const kind = faultKind(name);
  if (format === "json") return JSON.stringify({ name, ...kind }, null, 2);
  const { summary, like, on, forOne, acts, parameters } = kind;
  const about = { name, what: summary, like, on: on.join(", "), acts: actsText[acts], "for one device": forOne };
  const rows = Object.entries(parameters).map(([parameter, one]) => described(parameter, one));
  const record = renderRecord("table", about);
  return rows.length === 0 ? record : `${record}\n\n${renderTable("table", ["parameter", "values", "default"], rows)}`;
}

const actsText = {
  now: "once, when it is added",
  port: "on everybody, as long as it is on",
  connection: "on connections, as long as it is on",
  occasion: "each time that it can",
} as const;

function described(parameter: string, one: Parameter): Readonly<Record<"parameter" | "values" | "default", string>> {
  if ("words" in one) return { parameter, values: one.words.join(" | "), default: one.words[0] };
  return { parameter, values: `${one.min} to ${one.max}`, default: String(one.byDefault) };
}
