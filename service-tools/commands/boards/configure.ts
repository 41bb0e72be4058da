import { InvalidArgumentError, type Command } from "commander";
import { isJsonObject, type JsonObject } from "../../../agent/contract/json.ts";
import { assignmentFrom, sectionPatch, type Assignment } from "../../boards/setting-args.ts";
import { boardViewFrom, type BoardView } from "../../boards/board-view.ts";
import { configWords } from "../../boards/format-progress.ts";
import { HubBusy, HubUnreachable, RefusedByDevice, TimedOut, UsageError } from "../../cli/errors.ts";
import { pause } from "../../watch/follow.ts";
import { nameOf, targetFlags, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { patiently } from "../../cli/retry.ts";
import { sayDuration } from "../../cli/screen/measures.ts";
import { withHub } from "../../cli/with-hub.ts";
import type { World } from "../../cli/context.ts";
import { duration, targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printResult } from "../result.ts";

interface ConfigureOptions extends TargetOptions {
  readonly reset?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
}

const usualLimitMs = 30_000;

const examples = `
Examples:
  boardkeeper configure -d board-1
  boardkeeper configure -d board-1 agent.log-level=debug --wait
  boardkeeper configure -d board-1 'maintenance.windows=[{"cron":"30 3 * * *","duration":"2h","timezone":"Europe/Berlin"}]'
  boardkeeper configure -d board-1 agent.log-level=`;

/** `boardkeeper configure` */
export function addConfigure(program: Command, world: World): void {
  withTargetOptions(program.command("configure"))
    .description("set what of a board's configuration may be set over the hub; without settings, print what is set")
    .argument(
      "[setting...]",
      "name=value as in the TOML file, the value as JSON or text; name= takes it away",
      assignments,
    )
    .option("--reset", "take away all that was set over the hub, before anything that is set now")
    .option("--wait", "until the board has answered: 0 only when it has applied it")
    .option("--timeout <duration>", "how long to wait at the most, such as 90s or 15m (default: 30s)", duration)
    .addHelpText("after", examples)
    .action((settings: readonly Assignment[] | undefined, options: ConfigureOptions) =>
      withHub(world, options, (client) => configure(world, client, settings ?? [], options)),
    );
}

async function configure(
  world: World,
  client: HubClient,
  settings: readonly Assignment[],
  options: ConfigureOptions,
): Promise<void> {
  const target = targetOf(options);
  const isChange = settings.length > 0 || options.reset === true;
  if (!isChange && options.wait === true) {
    throw new UsageError("configure: nothing to wait for. Expected a setting as name=value, or --reset.");
  }
  if (!isChange) return print(world, options, await patiently(world, client.address, () => client.twin(target)));
  if (options.reset === true) await client.patchTwin(target, { desired: { boardkeeper: null } });
  const twin =
    settings.length === 0
      ? await client.twin(target)
      : await client.patchTwin(target, { desired: { boardkeeper: sectionPatch(settings) } });
  const { version } = boardViewFrom(twin).desired;
  if (options.wait !== true) {
    const message = `Configuration declared for ${nameOf(target)} in its desired properties, version ${version}`;
    printResult(world.out, options.output, { json: document(target, twin, message), text: `${message}\n` });
    world.err.write(`See the board's answer with: boardkeeper configure ${targetFlags(target)}\n`);
    return;
  }
  const answered = await answer(world, client, target, version, options.timeout ?? usualLimitMs);
  const { config } = boardViewFrom(answered);
  if (config?.status === "refused") {
    const why = config.error?.message ?? "it did not say why.";
    throw new RefusedByDevice(
      `${nameOf(target)} refused the configuration: ${why}`,
      { status: null, payload: document(target, answered, why) },
      { advice: "What was applied before stays in force. Mend the setting, or take it away with: name=" },
    );
  }
  const message = `${nameOf(target)} ${configWords(config) ?? "runs with its own configuration"}.`;
  printResult(world.out, options.output, { json: document(target, answered, message), text: `${message}\n` });
}

/** The twin in which the board has answered a document of this version. */
async function answer(
  world: World,
  client: HubClient,
  target: Target,
  version: number,
  limitMs: number,
): Promise<JsonObject> {
  const { timer, interrupted } = world;
  const untilMs = timer.nowMs() + limitMs;
  for (;;) {
    const twin = await client.twin(target).catch((cause: unknown) => {
      if (cause instanceof HubUnreachable || cause instanceof HubBusy || cause instanceof TimedOut) return undefined;
      throw cause;
    });
    if (twin !== undefined && isAnswered(boardViewFrom(twin), sectionOf(twin), version)) return twin;
    if (timer.nowMs() >= untilMs) {
      throw new TimedOut(`${nameOf(target)} has not answered within ${sayDuration(limitMs)}.`, {
        advice: `It reads the configuration when it is online; see its answer with: boardkeeper configure ${targetFlags(target)}`,
      });
    }
    await pause(world.lookEveryMs(client.address), timer, interrupted);
  }
}

function isAnswered({ config }: BoardView, section: JsonObject | null, version: number): boolean {
  return section === null ? config === null : config !== null && config.version >= version;
}

function print(world: World, options: ConfigureOptions, twin: JsonObject): void {
  const section = sectionOf(twin);
  const words = configWords(boardViewFrom(twin).config);
  const name = nameOf(targetOf(options));
  const message =
    section === null && words === null
      ? `Nothing is set over the hub: ${name} runs with its own configuration.`
      : sentence(`${name} ${words ?? "has not answered yet"}`);
  const text = section === null ? `${message}\n` : `${JSON.stringify(section, null, 2)}\n${message}\n`;
  printResult(world.out, options.output, { json: document(targetOf(options), twin, message), text });
}

/** What a board says of itself may be one already. */
function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

function document(target: Target, twin: JsonObject, message: string): JsonObject {
  const { config } = boardViewFrom(twin);
  return {
    deviceId: target.deviceId,
    moduleId: target.moduleId ?? null,
    desired: sectionOf(twin),
    desiredVersion: boardViewFrom(twin).desired.version,
    answer: config && { ...config, error: config.error && { ...config.error } },
    message,
  };
}

/** What is set over the hub, as the twin has it; null where nothing is. */
function sectionOf(twin: JsonObject): JsonObject | null {
  const properties = isJsonObject(twin["properties"]) ? twin["properties"] : {};
  const desired = isJsonObject(properties["desired"]) ? properties["desired"] : {};
  return isJsonObject(desired["boardkeeper"]) ? desired["boardkeeper"] : null;
}

function assignments(text: string, before: readonly Assignment[] | undefined): readonly Assignment[] {
  const read = assignmentFrom(text);
  if (read !== undefined) return [...(before ?? []), read];
  throw new InvalidArgumentError("Expected name=value, such as agent.log-level=debug, or name= to take it away.");
}
