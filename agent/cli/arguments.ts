import { parseArgs, type ParseArgsConfig } from "node:util";
import { errorMessage } from "../lib/errors.ts";

/*
 * Every command and every option of the agent's program, in one table: parsing, usage, completion and manual page say the
 * same.
 */

export interface Option {
  /** What stands for its value in the usage; without one it is a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly summary: string;
}

export const options = {
  simulate: { summary: "a simulated board: nothing of this machine is touched" },
  config: { value: "FILE", summary: "read this file instead of /etc/boardkeeper/agent.toml" },
  "state-dir": { value: "DIR", summary: "the state lies there" },
  "device-id": {
    value: "ID",
    short: "d",
    summary: "with --simulate: which device of the local hub it is",
  },
  "module-id": { value: "ID", short: "m", summary: "with --simulate: it is this module of the device" },
  json: { summary: "print one JSON document, for programs" },
  "ca-file": { value: "FILE", summary: "PEM of the hub's authority, where the system does not know it" },
  "no-start": { summary: "do not start the service" },
  since: { value: "TIME", summary: "from then on: 10m, 2h, 3d ago, or 2030-01-31T23:59:00Z" },
  level: { value: "LEVEL", summary: "as important as that, or more: debug, info, warn, error" },
  follow: { short: "f", summary: "go on with new lines until Ctrl-C" },
  sha256: { value: "HEX", summary: "the SHA-256 that the image must have; nothing else is installed" },
  "firmware-version": { value: "VERSION", summary: "what the image is called once it runs" },
  "operation-id": { value: "ID", summary: "what the update is called; the same id never does it twice" },
  "no-wait": { summary: "do not follow it to its end" },
  version: { summary: "print the version" },
  help: { short: "h", summary: "print this" },
} as const satisfies Record<string, Option>;
export type OptionName = keyof typeof options;

export interface Command {
  readonly summary: string;
  /** What it is about, where it takes an argument. */
  readonly operand?: string;
  readonly options: readonly OptionName[];
  /** More about it, for its own usage. */
  readonly details: string;
}

/** Which agent is meant. */
const which = ["config", "state-dir", "simulate", "device-id", "module-id"] as const;

export const commands = {
  run: {
    summary: "keep this board: this is what the service runs",
    options: ["simulate", "config", "state-dir", "device-id", "module-id"],
    details: `Reboots this board and updates its firmware when its hub asks, and proves what
it did. The connection string comes from a systemd credential, a file, or
IOTHUB_DEVICE_CONNECTION_STRING, never from an argument.`,
  },
  status: {
    summary: "how this board is, with the agent running or not",
    options: ["json", ...which],
    details: "Asks the running agent; where none runs, reads what the last one has saved.",
  },
  doctor: {
    summary: "find what keeps this board from its work, and say what to do",
    options: ["json", ...which],
    details: `Looks at the service, the configuration, the connection string and who can read it,
disk and state folder, installer, the right to reboot, power supply, clock, DNS,
ports, the hub's certificate, login and tier. Changes nothing. Ends with 1 where
it finds a fault. To be run with sudo: it looks with the rights of the service.`,
  },
  install: {
    summary: "install an image from a file or an address, without the hub",
    operand: "FILE|URL",
    options: ["sha256", "firmware-version", "operation-id", "no-wait", "json", ...which],
    details: `The same journey as an update that the hub asks for: checked, staged, installed,
restarted, proven or taken back. For a USB stick, say:
  boardkeeper-agent install /media/usb/board.img --sha256 8066... \\
      --firmware-version 1.2.0
It takes a running agent; where its hub is away, it works all the same.`,
  },
  history: {
    summary: "what became of the updates and reboots of this board",
    options: ["json", ...which],
    details: "The last 50 that have ended, and why bad ones were bad. Works without the agent.",
  },
  logs: {
    summary: "the agent's log, for people",
    options: ["since", "level", "follow", "json", ...which],
    details: `From the store, where systemd keeps one; else the last lines that the running
agent has in memory.`,
  },
  provision: {
    summary: "give this board its connection string, and start the service",
    options: ["ca-file", "no-start"],
    details: `Asks for the connection string without showing it, or reads it from standard input:
  boardkeeper-agent provision <connection-string.txt
It may be a device's or a module's. It is checked, kept in
/etc/boardkeeper/credentials for root alone to read, and given to the service by
systemd. It is never an argument: every user of the board could read that.`,
  },
} as const satisfies Record<string, Command>;
export type CommandName = keyof typeof commands;

/** A command line, read: undefined and false stand for what it does not say. */
export interface Arguments {
  readonly command: CommandName | "help" | "version";
  /** For help: about which command; undefined for all of them. */
  readonly about: CommandName | undefined;
  readonly simulate: boolean;
  readonly configFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
  readonly operand: string | undefined;
  readonly json: boolean;
  readonly caFile: string | undefined;
  readonly noStart: boolean;
  readonly sha256: string | undefined;
  readonly firmwareVersion: string | undefined;
  readonly operationId: string | undefined;
  readonly noWait: boolean;
  readonly since: string | undefined;
  readonly level: string | undefined;
  readonly follow: boolean;
}

/** A command line that makes no sense. The message says why. */
export class UsageError extends Error {
  /** The command that was meant, if that is clear. */
  readonly about: CommandName | undefined;

  constructor(message: string, about: CommandName | undefined) {
    super(message);
    this.name = "UsageError";
    this.about = about;
  }
}

/**
 * Reads a command line: a command, then what it knows.
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): Arguments {
  const [first = "--help", ...rest] = args;
  const isOption = first.startsWith("-");
  const command = isOption ? undefined : commandNamed(first);
  if (!isOption && command === undefined && first !== "help") {
    throw new UsageError(`There is no command "${first}". There are ${Object.keys(commands).join(", ")}.`, undefined);
  }
  if (first === "help") return read("help", rest[0] === undefined ? undefined : commandNamed(rest[0]), {}, undefined);
  const known: readonly OptionName[] =
    command === undefined ? ["version", "help"] : [...commands[command].options, "help"];
  const { values, positionals } = parse(known, isOption ? args : rest, command);
  if (values["help"] === true) return read("help", command, values, undefined);
  if (command === undefined) return read(values["version"] === true ? "version" : "help", undefined, values, undefined);
  const [operand, ...more] = positionals;
  const wanted = "operand" in commands[command];
  const surplus = wanted ? more : positionals;
  if (surplus.length > 0) throw new UsageError(`Unexpected argument "${surplus.join(" ")}".`, command);
  return read(command, undefined, values, operand);
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function read(
  command: Arguments["command"],
  about: CommandName | undefined,
  values: Values,
  operand: string | undefined,
): Arguments {
  const text = (name: OptionName): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  const flag = (name: OptionName): boolean => values[name] === true;
  return {
    command,
    about,
    simulate: flag("simulate"),
    configFile: text("config"),
    stateDir: text("state-dir"),
    deviceId: text("device-id"),
    moduleId: text("module-id"),
    operand,
    json: flag("json"),
    caFile: text("ca-file"),
    noStart: flag("no-start"),
    sha256: text("sha256"),
    firmwareVersion: text("firmware-version"),
    operationId: text("operation-id"),
    noWait: flag("no-wait"),
    since: text("since"),
    level: text("level"),
    follow: flag("follow"),
  };
}

function parse(
  known: readonly OptionName[],
  args: readonly string[],
  about: CommandName | undefined,
): { values: Values; positionals: readonly string[] } {
  const config: NonNullable<ParseArgsConfig["options"]> = Object.fromEntries(
    known.map((name) => {
      const option: Option = options[name];
      const short = option.short === undefined ? {} : { short: option.short };
      return [name, { type: option.value === undefined ? "boolean" : "string", ...short } as const];
    }),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: config });
    return {
      values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, one(value)])),
      positionals,
    };
  } catch (cause) {
    throw new UsageError(errorMessage(cause), about);
  }
}

/** No option here may be given several times: node:util then keeps the last. */
function one(value: unknown): string | boolean | undefined {
  return typeof value === "string" || typeof value === "boolean" ? value : undefined;
}

function commandNamed(name: string): CommandName | undefined {
  return Object.keys(commands).find((known): known is CommandName => known === name);
}
