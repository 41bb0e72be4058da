import { InvalidArgumentError, Option, type Command } from "commander";
import { operationId, pointInTime } from "../../agent/contract/methods.ts";
import { check } from "../../agent/contract/check.ts";
import type { LoginOptions } from "../hub-client/login.ts";
import type { Target } from "../hub-client/hub-client.ts";
import { parseDuration } from "../cli/units.ts";
import { outputOption, type Format } from "../cli/output.ts";

/* Options that several commands share. Their names follow `az iot hub`. */

export interface HubOptions extends LoginOptions {
  readonly output: Format;
}

export interface TargetOptions extends HubOptions {
  readonly deviceId: string;
  readonly moduleId?: string;
}

export interface WaitOptions {
  readonly wait?: boolean;
  readonly timeout?: number;
}

const hubGroup = "Hub and output:";

/** Adds `--login`, `--ca-file` and `--output`. */
export function withHubOptions(command: Command): Command {
  const login = new Option(
    "-l, --login <connection-string>",
    "the hub: a service connection string (default: IOTHUB_CONNECTION_STRING, else the local hub)",
  );
  const caFile = new Option("--ca-file <file>", "also trust this CA certificate (that of the local hub is known)");
  for (const option of [login, caFile, outputOption()]) command.addOption(option.helpGroup(hubGroup));
  return command;
}

/** Adds `--device-id`, `--module-id`, and the options of `withHubOptions`. */
export function withTargetOptions(command: Command): Command {
  return withHubOptions(
    command
      .requiredOption("-d, --device-id <id>", "the board", deviceId)
      .option("-m, --module-id <id>", "the module, if the agent connects as a module of the device", moduleId),
  );
}

/** Adds `--wait` and `--timeout`. */
export function withWaitOptions(command: Command, defaultTimeout: string): Command {
  return command
    .option("--wait", "follow it to its end; exit code 0 only when it is proven")
    .option(
      "--timeout <duration>",
      `how long to wait at most, such as 90s, 15m or 2h (default: ${defaultTimeout})`,
      duration,
    );
}

export function targetOf(options: { readonly deviceId: string; readonly moduleId?: string }): Target {
  return { deviceId: options.deviceId, moduleId: options.moduleId };
}

// The characters that IoT Hub allows: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry#device-identity-properties
const identityPattern = /^[A-Za-z0-9\-.%_*?!(),:=@$'+#;]{1,128}$/;

function deviceId(text: string): string {
  return identityName(text, "a device id");
}

function moduleId(text: string): string {
  return identityName(text, "a module id");
}

function identityName(text: string, what: string): string {
  if (identityPattern.test(text)) return text;
  throw new InvalidArgumentError(
    `Expected ${what} of 1 to 128 letters, digits and - . % _ * ? ! ( ) , : = @ $ ' + # ;`,
  );
}

/** Milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("Expected a duration such as 90s, 5m, 1h30m or 2d.");
}

/** A point in time. One without a zone is refused: the board and whoever types it may be in different ones. */
export function time(text: string, now: Date): Date {
  if (check(pointInTime, text).ok) return new Date(text);
  throw new InvalidArgumentError(
    `Expected a time with its zone, such as ${now.toISOString()} for now; date -Is writes one.`,
  );
}

/** Adds `--operation-id` to a command that starts an operation. */
export function withOperationId(command: Command): Command {
  const why = "repeat a call whose answer was lost; with the same id it is not done twice";
  return command.option("--operation-id <id>", why, operationName);
}

export function operationName(text: string): string {
  const checked = check(operationId, text);
  if (checked.ok) return checked.value;
  throw new InvalidArgumentError("Expected an operation id of 1 to 64 letters, digits, and . _ : -");
}

/** `--repo <dir>`: the folder of the repository; the current one by default. */
export interface RepoOption {
  readonly repo: string;
}

export function withRepoOption(command: Command): Command {
  return command.option("--repo <dir>", "the folder of the repository", ".");
}
