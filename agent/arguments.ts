import { parseArgs } from "node:util";

export interface Arguments {
  readonly command: "run" | "help" | "version";
  readonly simulate: boolean;
  readonly configFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
}

export const usage = `Usage: boardkeeper-agent run [options]

Keeps this board: reboots it and updates its firmware when its hub asks, and proves what it did.

Options:
  --simulate             play a board in this process: nothing of this machine is touched
  --config FILE          read this file instead of /etc/boardkeeper/agent.toml
  --state-dir DIR        keep the state there
  -d, --device-id ID     with --simulate: which device of the local hub to be, where it has several
  -m, --module-id ID     with --simulate: be this module of the device
  --version              print the version
  -h, --help             print this

The connection string comes from a systemd credential, a file, or IOTHUB_DEVICE_CONNECTION_STRING, never from an
argument: see docs/configuration.md.
`;

/** Reads the command line. Throws an Error that says what is wrong with it. */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      simulate: { type: "boolean", default: false },
      config: { type: "string" },
      "state-dir": { type: "string" },
      "device-id": { type: "string", short: "d" },
      "module-id": { type: "string", short: "m" },
      version: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command = "help", ...more] = positionals;
  const wanted = values.help ? "help" : values.version ? "version" : command;
  if (wanted !== "run" && wanted !== "help" && wanted !== "version")
    throw new Error(`There is no command "${wanted}".`);
  if (more.length > 0) throw new Error(`Unexpected argument "${more.join(" ")}".`);
  return {
    command: wanted,
    simulate: values.simulate,
    configFile: values.config,
    stateDir: values["state-dir"],
    deviceId: values["device-id"],
    moduleId: values["module-id"],
  };
}
