import { InvalidArgumentError, Option, type Command } from "commander";
import * as v from "valibot";
import { UsageError } from "../../cli/errors.ts";
import { faultKind } from "../../local-hub/faults/catalog.ts";
import type { FaultName } from "../../local-hub/faults/catalog.ts";
import { endpoints } from "../../local-hub/faults/fault-kind.ts";
import type { Endpoint } from "../../local-hub/faults/fault-kind.ts";
import { AdminRequestFailed } from "../../local-hub/admin-client.ts";
import type { AdminRequest } from "../../local-hub/admin-client.ts";
import { formatJson, formatRecord, formatTable, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { addFaultKinds, nameArgument } from "./fault-kinds.ts";
import { folderOption, hubFolder, adminJson } from "./folder.ts";
import { duration } from "../options.ts";

const faultSchema = v.object({
  id: v.string(),
  name: v.string(),
  state: v.string(),
  struck: v.number(),
  parameters: v.record(v.string(), v.union([v.string(), v.number()])),
  options: v.record(v.string(), v.unknown()),
});
type FaultStatus = v.InferOutput<typeof faultSchema>;

const anyObject = v.custom<object>((value) => typeof value === "object" && value !== null);

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

const examples = `
Examples:
  boardkeeper hub fault kinds                         list all kinds of faults
  boardkeeper hub fault kinds latency                 describe one: its parameters, and what it is like
  boardkeeper hub fault add reset -d board-1          a TCP reset for one board, now
  boardkeeper hub fault add refuse --for 2m           refuse all connections for two minutes
  boardkeeper hub fault add latency delayMs=800 jitterMs=400
  boardkeeper hub fault add method-answer-lost --times 1
  boardkeeper hub fault add restart downMs=10000 sessions=lost
  boardkeeper hub fault list                          list the faults that are on, and how often each acted
  boardkeeper hub fault clear                         end all faults`;

/** `boardkeeper hub fault …` */
export function addHubFault(hub: Command, context: Context): void {
  const fault = hub
    .command("fault")
    .description("inject faults into the local hub, and end them")
    .addHelpText("after", examples);
  addFaultKinds(fault, context);
  addFaultAdd(fault, context);
  addFaultList(fault, context);
  addFaultClear(fault, context);
}

function addFaultAdd(fault: Command, { out, err }: Context): void {
  fault
    .command("add")
    .description("switch a fault on; several faults work at the same time")
    .addArgument(nameArgument("<name>", "see: boardkeeper hub fault kinds"))
    .argument("[parameter=value...]", "parameters other than the defaults; see: boardkeeper hub fault kinds <name>")
    .option("-d, --device-id <id>", "for this device only (default: for all)")
    .option("-m, --module-id <id>", "for this module of the device")
    .addOption(
      new Option("--on <endpoint...>", "on these endpoints (default: on all where it applies)").choices(endpoints),
    )
    .option("--times <n>", "end it after it has acted this many times", wholeNumber)
    .option("--for <duration>", "end it after this time, such as 30s or 5m", duration)
    .option("--after <duration>", "start it after this time", duration)
    .addOption(folderOption())
    .addOption(outputOption())
    .addHelpText("after", examples)
    .action(async (name: FaultName, pairs: string[], options: AddOptions) => {
      const { deviceId, moduleId, on, times, for: forMs, after: afterMs } = options;
      const body = {
        name,
        parameters: parametersOf(name, pairs),
        // JSON leaves out what is undefined.
        options: { deviceId, moduleId, on, times, forMs, afterMs },
      };
      const added = v.parse(faultSchema, await request(options, { method: "POST", path: "/local-hub/faults", body }));
      printResult(out, options.output, { json: added, text: `${formatRecord({ ...row(added) })}\n` });
      if (added.state !== "over") err.write(`End it with: boardkeeper hub fault clear ${added.id}\n`);
    });
}

function addFaultList(fault: Command, { out, err }: Context): void {
  fault
    .command("list")
    .description("list the added faults, and how often each has acted")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (options: Common) => {
      const faults = v.parse(v.array(faultSchema), await request(options, { path: "/local-hub/faults" }));
      const text = `${formatTable<keyof FaultStatus>(columns, faults.map(row))}\n`;
      printResult(out, options.output, { json: faults, text });
      if (faults.length === 0) err.write("No fault was added. See: boardkeeper hub fault --help\n");
    });
}

function addFaultClear(fault: Command, { out, err }: Context): void {
  fault
    .command("clear")
    .description("end one fault or all faults; returns once the hub works as before")
    .argument("[id]", "see: boardkeeper hub fault list (default: all)")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (id: string | undefined, options: Common) => {
      const path = id === undefined ? "/local-hub/faults" : `/local-hub/faults/${encodeURIComponent(id)}`;
      const answer = v.parse(anyObject, await request(options, { method: "DELETE", path }));
      if (options.output === "json") out.write(formatJson(answer));
      else err.write(id === undefined ? "No fault is on.\n" : `Fault ${id} has ended.\n`);
    });
}

const columns = ["id", "name", "state", "struck", "parameters", "options"] as const;

async function request({ folder }: Common, adminRequest: AdminRequest): Promise<unknown> {
  try {
    return await adminJson(hubFolder(folder), adminRequest);
  } catch (error) {
    if (error instanceof AdminRequestFailed) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function row({ parameters, options, ...rest }: FaultStatus): Record<keyof FaultStatus, unknown> {
  return { ...rest, parameters: pairsOf(parameters), options: pairsOf(options) };
}

/** For instance `delayMs=800 jitterMs=400`. */
function pairsOf(values: Readonly<Record<string, unknown>>): string | undefined {
  const pairs = Object.entries(values).map(([key, value]) => `${key}=${String(value)}`);
  return pairs.length === 0 ? undefined : pairs.join(" ");
}

/** The parameter decides whether its value is a number. The hub validates it. */
function parametersOf(name: FaultName, pairs: readonly string[]): Record<string, string | number> {
  const { parameters } = faultKind(name);
  const read = pairs.map((pair): [string, string | number] => {
    const [key = "", ...rest] = pair.split("=");
    if (rest.length === 0) throw new UsageError(`Expected parameter=value, got '${pair}'.`);
    const value = rest.join("=");
    const known = Object.hasOwn(parameters, key) ? parameters[key] : undefined;
    return [key, known !== undefined && !("words" in known) && /^-?\d+$/.test(value) ? Number(value) : value];
  });
  return Object.fromEntries(read);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 to 999999999.");
}
