import { Command, InvalidArgumentError, Option } from "commander";
import * as v from "valibot";
import { UsageError } from "../../cli/errors.ts";
import { faultKind } from "../../local-hub/faults/catalog.ts";
import type { FaultName } from "../../local-hub/faults/catalog.ts";
import { endpoints } from "../../local-hub/faults/fault-kind.ts";
import type { Endpoint } from "../../local-hub/faults/fault-kind.ts";
import { AdminRequestFailed } from "../../local-hub/admin-client.ts";
import type { AdminRequest } from "../../local-hub/admin-client.ts";
import { outputOption, renderRecord, renderTable } from "../../cli/output.ts";
import type { Format, Output } from "../../cli/output.ts";
import { faultKindsCommand, nameArgument } from "./fault-kinds.ts";
import { folderOption, hubFolder, pageJson } from "./folder.ts";
import { duration } from "../options.ts";

const faultSchema = v.object({
  id: v.string(),
  name: v.string(),
  state: v.string(),
  struck: v.number(),
  parameters: v.record(v.string(), v.union([v.string(), v.number()])),
  options: v.record(v.string(), v.unknown()),
});
type FaultSeen = v.InferOutput<typeof faultSchema>;

interface Common {
  readonly folder?: string;
  readonly output: Format;
}

interface AddOptions extends Common {
  readonly deviceId?: string;
  readonly moduleId?: string;
  readonly on?: readonly Endpoint[];
  readonly times?: number;
  readonly for?: number;
  readonly after?: number;
}

const addExamples = `
Examples:
  boardkeeper hub fault kinds                         every fault there is
  boardkeeper hub fault kinds latency                 its parameters, and what it stands for
  boardkeeper hub fault add reset -d board-1          RST to one board, now
  boardkeeper hub fault add refuse --for 2m           nobody gets in, for two minutes
  boardkeeper hub fault add latency delayMs=800 jitterMs=400
  boardkeeper hub fault add method-answer-lost --times 1
  boardkeeper hub fault add restart downMs=10000 sessions=lost
  boardkeeper hub fault list                          what is on, and how often it has struck
  boardkeeper hub fault clear                         the end of all of them`;

export function hubFaultCommand(output: Output): Command {
  return new Command("fault")
    .description("rehearse what can go wrong: switch faults of the local hub on and off")
    .addHelpText("after", addExamples)
    .addCommand(faultKindsCommand(output))
    .addCommand(addCommand(output))
    .addCommand(listCommand(output))
    .addCommand(clearCommand(output));
}

function addCommand(output: Output): Command {
  return new Command("add")
    .description("switch a fault on; several act together")
    .addArgument(nameArgument("<name>", "see: boardkeeper hub fault kinds"))
    .argument("[parameter=value...]", "what is left out has its default; see: boardkeeper hub fault kinds <name>")
    .option("-d, --device-id <id>", "for this device alone (default: for everybody)")
    .option("-m, --module-id <id>", "for this module of the device")
    .addOption(new Option("--on <way...>", "on these ways in (default: on all that it can act on)").choices(endpoints))
    .option("--times <n>", "it ends after so many strikes", wholeNumber)
    .option("--for <duration>", "it ends after so long, such as 30s or 5m", duration)
    .option("--after <duration>", "it begins so much later", duration)
    .addOption(folderOption())
    .addOption(outputOption())
    .addHelpText("after", addExamples)
    .action(async (name: FaultName, pairs: string[], options: AddOptions) => {
      const { deviceId, moduleId, on, times, for: forMs, after: afterMs } = options;
      const body = {
        name,
        parameters: parametersOf(name, pairs),
        // JSON leaves out what is undefined.
        options: { deviceId, moduleId, on, times, forMs, afterMs },
      };
      const added = v.parse(faultSchema, await ask(options, { method: "POST", path: "/local-hub/faults", body }));
      output.result(renderRecord(options.output, options.output === "json" ? added : row(added)));
      if (added.state !== "over") output.note(`End it with: boardkeeper hub fault clear ${added.id}`);
    });
}

function listCommand(output: Output): Command {
  return new Command("list")
    .description("show the faults that were added, and how often each has struck")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (options: Common) => {
      const faults = v.parse(v.array(faultSchema), await ask(options, { path: "/local-hub/faults" }));
      const rows = options.output === "json" ? faults : faults.map(row);
      output.result(renderTable<keyof FaultSeen>(options.output, columns, rows));
      if (faults.length === 0) output.note("No fault was added. See: boardkeeper hub fault --help");
    });
}

function clearCommand(output: Output): Command {
  return new Command("clear")
    .description("end a fault, or all of them; returns when the hub is as it was")
    .argument("[id]", "see: boardkeeper hub fault list (default: all)")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (id: string | undefined, options: Common) => {
      const path = id === undefined ? "/local-hub/faults" : `/local-hub/faults/${encodeURIComponent(id)}`;
      const answer = await ask(options, { method: "DELETE", path });
      if (options.output === "json") output.result(JSON.stringify(answer, null, 2));
      else output.note(id === undefined ? "No fault is on." : `Fault ${id} is over.`);
    });
}

const columns = ["id", "name", "state", "struck", "parameters", "options"] as const;

async function ask({ folder }: Common, page: AdminRequest): Promise<unknown> {
  try {
    return await pageJson(hubFolder(folder), page);
  } catch (error) {
    if (error instanceof AdminRequestFailed) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function row({ parameters, options, ...rest }: FaultSeen): Record<keyof FaultSeen, unknown> {
  return { ...rest, parameters: pairsOf(parameters), options: pairsOf(options) };
}

/** For instance `delayMs=800 jitterMs=400`. */
function pairsOf(values: Readonly<Record<string, unknown>>): string | undefined {
  const pairs = Object.entries(values).map(([key, value]) => `${key}=${String(value)}`);
  return pairs.length === 0 ? undefined : pairs.join(" ");
}

/** Whether a value may be a number is for the parameter to say; whether it will do, for the hub. */
function parametersOf(name: FaultName, pairs: readonly string[]): Record<string, string | number> {
  const { parameters } = faultKind(name);
  const read = pairs.map((pair): [string, string | number] => {
    const [key = "", ...rest] = pair.split("=");
    if (rest.length === 0) throw new UsageError(`Expected parameter=value, not '${pair}'.`);
    const value = rest.join("=");
    const known = Object.hasOwn(parameters, key) ? parameters[key] : undefined;
    return [key, known !== undefined && !("words" in known) && /^-?\d+$/.test(value) ? Number(value) : value];
  });
  return Object.fromEntries(read);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number from 1 on.");
}
