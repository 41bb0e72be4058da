import { parseArgs, type ParseArgsConfig } from "node:util";
import { errorMessage } from "../lib/errors.ts";

/* Every command and every option of boardkeeper-agent: the one source for the parser, --help, completion and man page. */

export interface Option {
  /** The placeholder of its value in the usage; an option without one is a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly summary: string;
}

export const options = {
  simulate: { summary: "simulate a board; nothing on this machine is changed" },
  config: { value: "FILE", summary: "read this file instead of /etc/boardkeeper/agent.toml" },
  "state-dir": { value: "DIR", summary: "the folder of the agent's state" },
  "device-id": {
    value: "ID",
    short: "d",
    summary: "with --simulate: the device of the local hub",
  },
  "module-id": { value: "ID", short: "m", summary: "with --simulate: the module of the device" },
  json: { summary: "print one JSON document, for programs" },
  "ca-file": {
    value: "FILE",
    summary: "PEM of the hub's CA, if the system does not know it",
  },
  trust: { value: "FILE", summary: "the trust root of who publishes images for this board (root.json)" },
  fingerprint: { value: "HEX", summary: "trust this root only if it has this fingerprint; asks nothing" },
  yes: { summary: "trust this root without a question; only where FILE came by a safe way" },
  "no-start": { summary: "do not start the service" },
  since: { value: "TIME", summary: "show lines since then: 10m, 2h or 3d ago, or 2030-01-31T23:59:00Z" },
  level: { value: "LEVEL", summary: "show lines of this level and above: debug, info, warn, error, fatal" },
  follow: { short: "f", summary: "show new lines until Ctrl-C" },
  sha256: { value: "HEX", summary: "the SHA-256 of the image (required without --repository)" },
  repository: { value: "DIR", summary: "the folder of a signed repository, such as a USB stick" },
  "firmware-version": { value: "VERSION", summary: "the version of the image" },
  "operation-id": { value: "ID", summary: "the id of the update; the same id never installs twice" },
  "no-wait": { summary: "do not wait for the end of the update" },
  version: { summary: "print the version" },
  help: { short: "h", summary: "print this help" },
} as const satisfies Record<string, Option>;
export type OptionName = keyof typeof options;

export interface Command {
  readonly summary: string;
  /** The placeholder of its argument, or of its arguments; undefined where it takes none. */
  readonly operand?: string;
  /** How many arguments it takes at most; one unless given. */
  readonly mostOperands?: number;
  readonly options: readonly OptionName[];
  /** The rest of its own usage. */
  readonly details: string;
}

/** The options that say which agent is meant. */
const targetOptions = ["config", "state-dir", "simulate", "device-id", "module-id"] as const;

export const commands = {
  run: {
    summary: "run the agent (what the systemd service starts)",
    options: ["simulate", "config", "state-dir", "device-id", "module-id"],
    details: `The agent reboots this board and updates its firmware when the hub asks for it,
and proves the result. The connection string comes from a systemd credential, a
file, or IOTHUB_DEVICE_CONNECTION_STRING, never from an argument.`,
  },
  status: {
    summary: "show the status of this board",
    options: ["json", ...targetOptions],
    details: "Asks the running agent. Where none runs, shows the saved state.",
  },
  doctor: {
    summary: "check everything that the agent needs, and say what to do",
    options: ["json", ...targetOptions],
    details: `Checks the service, the configuration, the connection string and who can read it,
disk and state folder, installer, the right to reboot, power supply, clock, DNS,
ports, the hub's certificate, login and tier. Changes nothing. Exits with 1 if it
finds a fault. Run it with sudo: it then checks with the rights of the service.`,
  },
  install: {
    summary: "install an image from a file or an address, without the hub",
    operand: "FILE|URL",
    options: ["sha256", "repository", "firmware-version", "operation-id", "no-wait", "json", ...targetOptions],
    details: `The same steps as for an update from the hub: check, stage, install, restart, then
commit or roll back. From a USB stick, for example:
  boardkeeper-agent install /media/usb/board.img --sha256 8066... \\
      --firmware-version 1.2.0
From a stick that holds a signed repository; version and digest are found in it:
  boardkeeper-agent install --repository /media/usb --firmware-version 1.2.0
The agent must be running; its hub need not be reachable.`,
  },
  history: {
    summary: "show how the updates and reboots of this board ended",
    options: ["json", ...targetOptions],
    details: "The last 50, with the error of each that failed. Works without the agent.",
  },
  logs: {
    summary: "show the agent's log",
    options: ["since", "level", "follow", "json", ...targetOptions],
    details: `Reads the systemd journal; without systemd, the last lines in the running agent's
memory.`,
  },
  provision: {
    summary: "store the connection string of this board, and start the service",
    options: ["ca-file", "trust", "fingerprint", "yes", "no-start"],
    details: `Asks for the connection string without showing it, or reads it from standard input:
  boardkeeper-agent provision <connection-string.txt
It may be a device's or a module's. It is checked, stored in
/etc/boardkeeper/credentials, readable by root alone, and passed to the service by
systemd. It is never an argument, because every user of the board could read that.
With --trust the board also trusts a publisher, as with "trust add".`,
  },
  trust: {
    summary: "say whose images this board installs, or show it",
    operand: "add FILE|-, or show",
    mostOperands: 2,
    options: ["fingerprint", "yes", "json", ...targetOptions],
    details: `  boardkeeper-agent trust add root.json
shows the fingerprint of a trust root, which its publisher shows too (boardkeeper
repo verify), and asks whether they are the same. From then on this board installs
only images that are signed under this root. "-" reads it from standard input. Where
nobody can be asked, --fingerprint says what it must be.
  boardkeeper-agent trust show
shows root, keys, expiry, floor and the names of this board.`,
  },
  "reload-credential": {
    summary: "restart the service if the stored connection string is not the one in use",
    options: [],
    details: `boardkeeper-credential.path runs this, as root, when a file with the connection
string has changed. Where none is stored, where it is cut off or cannot be read, the
agent goes on with the one that it has.`,
  },
} as const satisfies Record<string, Command>;
export type CommandName = keyof typeof commands;

/** A parsed command line; undefined or false for what it does not contain. */
export interface Arguments {
  readonly command: CommandName | "help" | "version";
  /** For help: the command; undefined for all of them. */
  readonly about: CommandName | undefined;
  readonly simulate: boolean;
  readonly configFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
  /** Its first argument. */
  readonly operand: string | undefined;
  readonly operands: readonly string[];
  readonly json: boolean;
  readonly caFile: string | undefined;
  readonly trust: string | undefined;
  readonly fingerprint: string | undefined;
  readonly yes: boolean;
  readonly noStart: boolean;
  readonly sha256: string | undefined;
  readonly repository: string | undefined;
  readonly firmwareVersion: string | undefined;
  readonly operationId: string | undefined;
  readonly noWait: boolean;
  readonly since: string | undefined;
  readonly level: string | undefined;
  readonly follow: boolean;
}

/** An invalid command line. The message says why. */
export class UsageError extends Error {
  /** The command whose usage helps; undefined where it is not clear. */
  readonly about: CommandName | undefined;

  constructor(message: string, about: CommandName | undefined) {
    super(message);
    this.name = "UsageError";
    this.about = about;
  }
}

/**
 * Parses a command line: a command, then its options and its argument.
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): Arguments {
  const [first = "--help", ...rest] = args;
  const isOption = first.startsWith("-");
  const command = isOption ? undefined : findCommand(first);
  if (!isOption && command === undefined && first !== "help") {
    throw new UsageError(
      `Unknown command "${first}". The commands are ${Object.keys(commands).join(", ")}.`,
      undefined,
    );
  }
  if (first === "help") return toArguments("help", rest[0] === undefined ? undefined : findCommand(rest[0]), {}, []);
  const known: readonly OptionName[] =
    command === undefined ? ["version", "help"] : [...commands[command].options, "help"];
  const { values, positionals } = parse(known, isOption ? args : rest, command);
  if (values["help"] === true) return toArguments("help", command, values, []);
  if (command === undefined) return toArguments(values["version"] === true ? "version" : "help", undefined, values, []);
  const { operand, mostOperands = 1 }: Command = commands[command];
  const surplus = positionals.slice(operand === undefined ? 0 : mostOperands);
  if (surplus.length > 0) throw new UsageError(`Unexpected argument "${surplus.join(" ")}".`, command);
  return toArguments(command, undefined, values, positionals);
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function toArguments(
  command: Arguments["command"],
  about: CommandName | undefined,
  values: Values,
  operands: readonly string[],
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
    operand: operands[0],
    operands,
    json: flag("json"),
    caFile: text("ca-file"),
    trust: text("trust"),
    fingerprint: text("fingerprint"),
    yes: flag("yes"),
    noStart: flag("no-start"),
    sha256: text("sha256"),
    repository: text("repository"),
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

/** No option here may be repeated, so there are no arrays; where one is, node:util keeps the last. */
function one(value: unknown): string | boolean | undefined {
  return typeof value === "string" || typeof value === "boolean" ? value : undefined;
}

function findCommand(name: string): CommandName | undefined {
  return Object.keys(commands).find((known): known is CommandName => known === name);
}
