import { InvalidArgumentError, type Command } from "commander";
import { isJsonObject, sectionAt, textAt, type JsonObject } from "../../../agent/contract/json.ts";
import { leaseFor, missingFeature } from "../../boards/required-feature.ts";
import type { HubClient, Target } from "../../hub-client/hub-client.ts";
import { readRegularFileSync } from "../../local-hub/storage/regular-file.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { UsageError } from "../../cli/errors.ts";
import { type Context, withHub } from "../../context.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { formatJson } from "../../cli/output.ts";

interface SetOptions extends TargetOptions {
  readonly desired?: JsonObject;
  readonly tags?: JsonObject;
}

const examples = `
Examples:
  boardkeeper twin -d board-1
  boardkeeper twin set -d board-1 --tags '{"site":"north"}'

Their options: boardkeeper twin get --help, boardkeeper twin set --help`;

/** `boardkeeper twin`. A twin is always printed as JSON, with any `-o`. */
export function addTwinCommands(program: Command, context: Context): void {
  const twin = program
    .command("twin")
    .description("print a board's twin, or change its desired properties and tags")
    .usage("[get|set] -d <id> [options]")
    .addHelpText("after", examples);

  withTargetOptions(twin.command("get", { isDefault: true }))
    .description("print the whole twin (the default)")
    .action((options: TargetOptions) =>
      withHub(context, options, async (client) =>
        context.out.write(formatJson(await client.getTwin(targetOf(options)))),
      ),
    );

  withTargetOptions(twin.command("set"))
    .description("merge JSON into the twin: null removes a key, absent keys stay")
    .option("--desired <json>", "into the desired properties: JSON, or @FILE", jsonObject)
    .option("--tags <json>", "into the tags: JSON, or @FILE", jsonObject)
    .action((options: SetOptions) => {
      const { desired, tags } = options;
      if (desired === undefined && tags === undefined) {
        throw new UsageError("twin set: nothing to set. Expected --desired JSON, --tags JSON, or both.");
      }
      const patch = { ...(desired === undefined ? {} : { desired }), ...(tags === undefined ? {} : { tags }) };
      return withHub(context, options, async (client) => {
        const target = targetOf(options);
        if (desired !== undefined) await warnOfLease(context, client, target, desired);
        context.out.write(formatJson(await client.patchTwin(target, patch)));
      });
    });
}

/** A document that must be begun by some time, for an agent that does not understand that: it is sent as it is typed. */
async function warnOfLease(context: Context, client: HubClient, target: Target, desired: JsonObject): Promise<void> {
  if (textAt(sectionAt(desired, "firmware"), "startBy") === null) return;
  const why = await missingFeature(client, target, await client.getTwin(target), leaseFor("startBy"));
  if (why !== undefined) context.err.write(`Warning: ${why}\n`);
}

function jsonObject(text: string): JsonObject {
  const json = text.startsWith("@") ? readText(text.slice(1)) : text;
  try {
    const value: unknown = JSON.parse(json);
    if (isJsonObject(value)) return value;
  } catch {
    // Reported below, like JSON that is not an object.
  }
  throw new InvalidArgumentError(`Expected a JSON object such as {"site":"north"}, or @FILE with one in it.`);
}

function readText(path: string): string {
  try {
    return readRegularFileSync(path);
  } catch (cause) {
    throw new InvalidArgumentError(`${path} cannot be read: ${describeError(cause)}.`);
  }
}
