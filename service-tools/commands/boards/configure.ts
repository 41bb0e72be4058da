import { InvalidArgumentError, type Command } from "commander";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { askStatus } from "../../boards/ask-status.ts";
import { parseBoardView } from "../../boards/board-view.ts";
import { desiredPatch, parseSetting, remoteConfigOf, type SettingAssignment } from "../../boards/remote-config.ts";
import { formatConfig } from "../../boards/format-progress.ts";
import { RefusedByDevice, TimedOut, UsageError } from "../../cli/errors.ts";
import { printResult } from "../../cli/output.ts";
import { poll, retryRead } from "../../cli/retry.ts";
import { formatDuration } from "../../../agent/contract/duration.ts";
import { withHub, type Context } from "../../context.ts";
import { targetFlags, targetName, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { duration, targetOf, withTargetOptions, type TargetOptions } from "../options.ts";

interface ConfigureOptions extends TargetOptions {
  readonly reset?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
}

const defaultTimeoutMs = 30_000;

const examples = `
Examples:
  boardkeeper configure -d board-1
  boardkeeper configure -d board-1 agent.log-level=debug --wait
  boardkeeper configure -d board-1 'maintenance.windows=[{"cron":"30 3 * * *","duration":"2h","timezone":"Europe/Berlin"}]'
  boardkeeper configure -d board-1 agent.log-level=`;

/** `boardkeeper configure` */
export function addConfigure(program: Command, context: Context): void {
  withTargetOptions(program.command("configure"))
    .description("set what may be configured over the hub; without settings, print what is set")
    .argument(
      "[setting...]",
      "name=value: the name as in the TOML file, the value as JSON or text; name= removes the setting",
      settingArguments,
    )
    .option("--reset", "first remove everything that is set over the hub")
    .option("--wait", "wait for the board's answer; exit code 0 only when it has applied the configuration")
    .option("--timeout <duration>", "how long to wait at most, such as 90s or 15m (default: 30s)", duration)
    .addHelpText("after", examples)
    .action((settings: readonly SettingAssignment[] | undefined, options: ConfigureOptions) =>
      withHub(context, options, (client) => configure(context, client, settings ?? [], options)),
    );
}

async function configure(
  context: Context,
  client: HubClient,
  settings: readonly SettingAssignment[],
  options: ConfigureOptions,
): Promise<void> {
  const target = targetOf(options);
  const isChange = settings.length > 0 || options.reset === true;
  if (!isChange) {
    if (options.wait === true) {
      throw new UsageError("configure: nothing to wait for. Expected a setting as name=value, or --reset.");
    }
    return printConfig(context, options, await readTwin(context, client, target));
  }
  const twin = await declare(client, target, settings, options.reset === true);
  const { version } = parseBoardView(twin).desired;
  if (options.wait !== true) {
    const message = `Configuration declared for ${targetName(target)} in its desired properties, version ${version}`;
    printResult(context.out, options.output, { json: configDocument(target, twin, message), text: `${message}\n` });
    context.err.write(`See the board's answer with: boardkeeper configure ${targetFlags(target)}\n`);
    return;
  }
  const answered = await awaitAnswer(context, client, target, version, options.timeout ?? defaultTimeoutMs);
  printAnswer(context, options, answered);
}

/** Changes the desired properties. Returns the twin after the change. */
async function declare(
  client: HubClient,
  target: Target,
  settings: readonly SettingAssignment[],
  isReset: boolean,
): Promise<JsonObject> {
  if (isReset) await client.patchTwin(target, { desired: { boardkeeper: null } });
  if (settings.length === 0) return await client.getTwin(target);
  return await client.patchTwin(target, { desired: { boardkeeper: desiredPatch(settings) } });
}

/** The first twin in which the board has answered this version of the desired properties. */
async function awaitAnswer(
  { timer, interrupted, pollIntervalMs }: Context,
  client: HubClient,
  target: Target,
  version: number,
  timeoutMs: number,
): Promise<JsonObject> {
  const options = { intervalMs: pollIntervalMs(client.address), limitMs: timeoutMs, timer, interrupted };
  let last: JsonObject = {};
  for await (const twin of poll(() => client.getTwin(target), options)) {
    if (twin.ok && isAnswered(twin.value, version)) return twin.value;
    if (twin.ok) last = twin.value;
  }
  // The twin may be older than the board, so the board has the last word.
  const said = await askStatus(client, target, last);
  if (said !== undefined && isAnswered(said.twin, version)) return said.twin;
  const reporting = said?.reporting ?? null;
  const reason = reporting === null ? "" : ` ${reporting}`;
  throw new TimedOut(`${targetName(target)} did not answer within ${formatDuration(timeoutMs)}.${reason}`, {
    advice: `It reads the configuration when it is online. See its answer with: boardkeeper configure ${targetFlags(target)}`,
  });
}

/**
 * Whether the board has answered this version, or the present one, which has replaced it since. Not any later one: the
 * versions of a device that was created anew begin again at 1, and its twin may still hold an old answer.
 */
function isAnswered(twin: JsonObject, version: number): boolean {
  const { config, desired } = parseBoardView(twin);
  if (remoteConfigOf(twin) === null) return config === null;
  return config !== null && (config.version === version || config.version === desired.version);
}

/** @throws RefusedByDevice when the board has refused the configuration */
function printAnswer(context: Context, options: ConfigureOptions, twin: JsonObject): void {
  const target = targetOf(options);
  const { config } = parseBoardView(twin);
  if (config?.status === "refused") {
    const reason = config.error?.message ?? "it gives no reason.";
    throw new RefusedByDevice(
      `${targetName(target)} refused the configuration: ${reason}`,
      { status: null, payload: configDocument(target, twin, reason) },
      { advice: "What was applied before stays in force. Correct the setting, or remove it with: name=" },
    );
  }
  const message = `${targetName(target)} ${formatConfig(config) ?? "uses its own configuration"}.`;
  printResult(context.out, options.output, { json: configDocument(target, twin, message), text: `${message}\n` });
}

async function readTwin(
  { timer, interrupted, pollIntervalMs, err }: Context,
  client: HubClient,
  target: Target,
): Promise<JsonObject> {
  const intervalMs = pollIntervalMs(client.address);
  return await retryRead(() => client.getTwin(target), { intervalMs, timer, interrupted, err });
}

function printConfig(context: Context, options: ConfigureOptions, twin: JsonObject): void {
  const target = targetOf(options);
  const section = remoteConfigOf(twin);
  const answer = formatConfig(parseBoardView(twin).config);
  const message =
    section === null && answer === null
      ? `Nothing is set over the hub: ${targetName(target)} uses its own configuration.`
      : withFullStop(`${targetName(target)} ${answer ?? "has not answered yet"}`);
  const text = section === null ? `${message}\n` : `${JSON.stringify(section, null, 2)}\n${message}\n`;
  printResult(context.out, options.output, { json: configDocument(target, twin, message), text });
}

/** The board's own sentence may end with one already. */
function withFullStop(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

function configDocument(target: Target, twin: JsonObject, message: string): JsonObject {
  const { config, desired } = parseBoardView(twin);
  return {
    deviceId: target.deviceId,
    moduleId: target.moduleId ?? null,
    desired: remoteConfigOf(twin),
    desiredVersion: desired.version,
    answer: config && { ...config, error: config.error && { ...config.error } },
    message,
  };
}

function settingArguments(
  text: string,
  before: readonly SettingAssignment[] | undefined,
): readonly SettingAssignment[] {
  const setting = parseSetting(text);
  if (setting !== undefined) return [...(before ?? []), setting];
  throw new InvalidArgumentError("Expected name=value, such as agent.log-level=debug, or name= to remove the setting.");
}
