import { InvalidArgumentError, Option, type Command } from "commander";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { askBoard } from "../../boards/invoke-method.ts";
import { boardViewFrom } from "../../boards/board-view.ts";
import { awaitEnd } from "../../watch/await-end.ts";
import { rebootOutcome } from "../../watch/reboot-outcome.ts";
import { rebootStory } from "../../watch/reboot-tracker.ts";
import type { HubClient } from "../../hub-client/hub-client.ts";
import type { World } from "../../cli/context.ts";
import { printAccepted } from "./accepted.ts";
import { conclude } from "./conclude.ts";
import { askedBefore, printRepeated } from "./repeated.ts";
import { readDuration } from "../../cli/screen/measures.ts";
import {
  targetOf,
  withOperationId,
  withTargetOptions,
  withWaitOptions,
  type TargetOptions,
  type WaitOptions,
} from "../options.ts";
import { withHub } from "../../cli/with-hub.ts";

interface RebootOptions extends TargetOptions, WaitOptions {
  readonly in?: number;
  readonly at?: Date;
  readonly window?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
  readonly operationId?: string;
}

const minuteMs = 60_000;
/** From due to proven: shutting down, booting, connecting. */
const usualWaitMs = 10 * minuteMs;
const dayMs = 24 * 60 * minuteMs;
/** As the contract has it. */
const longestDelayMs = dayMs;
/** What lies further back was meant for another day, not for now. */
const latestMs = minuteMs;

const examples = `
Examples:
  boardkeeper reboot -d board-1 --wait
  boardkeeper reboot -d board-1 --in 10m --reason "new kernel"
  boardkeeper reboot -d board-1 --at "$(date -Is -d '+8 hours')"
  boardkeeper cancel -d board-1 reboot`;

/** `boardkeeper reboot` */
export function addReboot(program: Command, world: World): void {
  const command = withTargetOptions(program.command("reboot"))
    .description("reboot a board, at once or later")
    .addOption(
      new Option("--in <duration>", "after this long, such as 10m, at most a day")
        .argParser(delay)
        .conflicts(["at", "window"]),
    )
    .addOption(
      new Option("--at <time>", "at this time, at most a day away, as date -Is writes it")
        .argParser((text) => time(text, world.now()))
        .conflicts(["in", "window"]),
    )
    .addOption(
      new Option("--window", "in its next maintenance window, of those configured on the board").conflicts([
        "in",
        "at",
      ]),
    )
    .option("--force", "even while something on the board asks for none")
    .option("--reason <text>", "why, for the board's log and the twin")
    .addHelpText("after", examples);
  withWaitOptions(withOperationId(command), "10m after it is due").action((options: RebootOptions) =>
    withHub(world, options, (client) => reboot(world, client, options)),
  );
}

async function reboot(world: World, client: HubClient, options: RebootOptions): Promise<void> {
  const target = targetOf(options);
  const operationId = options.operationId ?? `reboot-${world.newOperationId()}`;
  // Looked at first: a reboot is proven by another boot id than this one.
  const before = options.wait === true ? boardViewFrom(await client.twin(target)) : undefined;
  const payload = payloadOf(options, operationId);
  const answer = await askBoard(client, target, { method: "rebootDevice", payload, operationId });
  if (before === undefined && answer.repeated) {
    await printRepeated(world, options.output, client, target, "reboot", operationId);
    return;
  }
  if (before === undefined) {
    const { scheduledFor, mode, response: message } = answer;
    printAccepted(world, options.output, target, { operationId, scheduledFor, mode, message });
    return;
  }
  world.err.write(`${answer.repeated ? askedBefore("reboot") : answer.response} (${operationId})\n`);
  const end = await awaitEnd(world, client, {
    target,
    what: "reboot",
    story: rebootStory(operationId, before, answer.repeated),
    limitMs: options.timeout ?? usualLimitMs(options, world.now()),
    isGood: ({ kind }) => kind === "proven",
  });
  conclude(world, options.output, { target, operationId }, rebootOutcome(target, end));
}

function payloadOf({ in: inMs, at, window, force, reason }: RebootOptions, operationId: string): JsonObject {
  return {
    ...(inMs === undefined ? {} : { delaySeconds: Math.round(inMs / 1_000) }),
    ...(at === undefined ? {} : { at: at.toISOString() }),
    ...(window === true ? { window } : {}),
    ...(force === true ? { force } : {}),
    ...(reason === undefined ? {} : { reason }),
    operationId,
  };
}

function usualLimitMs({ in: inMs = 0, at, window }: RebootOptions, now: Date): number {
  if (window === true) return dayMs + usualWaitMs;
  return Math.max(inMs, at === undefined ? 0 : at.getTime() - now.getTime()) + usualWaitMs;
}

function delay(text: string): number {
  const ms = readDuration(text);
  if (ms !== undefined && ms <= longestDelayMs) return ms;
  throw new InvalidArgumentError("Expected a duration of at most a day, such as 90s, 5m or 1h30m.");
}

function time(text: string, now: Date): Date {
  const hasZone = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const at = new Date(text);
  if (!hasZone || Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError(
      `Expected a time with its zone, such as ${now.toISOString()} for now (date -Is writes one).`,
    );
  }
  const delayMs = at.getTime() - now.getTime();
  if (delayMs >= -latestMs && delayMs <= longestDelayMs) return at;
  throw new InvalidArgumentError(`Expected a time from now (${now.toISOString()}) to a day later.`);
}
