import { InvalidArgumentError, Option, type Command } from "commander";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { invokeMethod } from "../../boards/invoke-method.ts";
import { parseDuration } from "../../cli/units.ts";
import { withHub, type Context } from "../../context.ts";
import type { HubClient } from "../../hub-client/hub-client.ts";
import { rebootOutcome } from "../../watch/outcome.ts";
import { rebootTracker } from "../../watch/reboot-tracker.ts";
import {
  time,
  withOperationId,
  withTargetOptions,
  withWaitOptions,
  type TargetOptions,
  type WaitOptions,
} from "../options.ts";
import { runOperation } from "./run-operation.ts";

interface RebootOptions extends TargetOptions, WaitOptions {
  readonly in?: number;
  readonly at?: Date;
  readonly window?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
  readonly operationId?: string;
}

const minuteMs = 60_000;
/** From the planned time until the reboot is proven: shut down, boot, connect. */
const rebootMs = 10 * minuteMs;
const dayMs = 24 * 60 * minuteMs;
/** The agent accepts no longer delay: docs/contract.md. */
const maxDelayMs = dayMs;
/** A time that has passed by more than this was meant for another day, not for now. */
const maxPastMs = minuteMs;

const examples = `
Examples:
  boardkeeper reboot -d board-1 --wait
  boardkeeper reboot -d board-1 --in 10m --reason "new kernel"
  boardkeeper reboot -d board-1 --at "$(date -Is -d '+8 hours')"
  boardkeeper cancel -d board-1 reboot`;

/** `boardkeeper reboot` */
export function addReboot(program: Command, context: Context): void {
  const command = withTargetOptions(program.command("reboot"))
    .description("reboot a board now or later")
    .addOption(
      new Option("--in <duration>", "after this time, such as 10m, at most 1 day")
        .argParser(delay)
        .conflicts(["at", "window"]),
    )
    .addOption(
      new Option("--at <time>", "at this time, at most 1 day from now, as date -Is writes it")
        .argParser((text) => timeWithinADay(text, context.now()))
        .conflicts(["in", "window"]),
    )
    .addOption(new Option("--window", "in the next maintenance window configured on the board").conflicts(["in", "at"]))
    .option("--force", "even while a program on the board inhibits a shutdown")
    .option("--reason <text>", "why; the board logs and reports it")
    .addHelpText("after", examples);
  withWaitOptions(withOperationId(command), "10m after the planned time").action((options: RebootOptions) =>
    withHub(context, options, (client) => reboot(context, client, options)),
  );
}

async function reboot(context: Context, client: HubClient, options: RebootOptions): Promise<void> {
  const operationId = options.operationId ?? `reboot-${context.newOperationId()}`;
  await runOperation(context, client, options, {
    what: "reboot",
    request: async (target) => {
      const payload = payloadOf(options, operationId);
      const response = await invokeMethod(client, target, { method: "rebootDevice", payload, operationId });
      const { message, repeated, scheduledFor, mode } = response;
      return { operationId, message, repeated, details: { scheduledFor, mode } };
    },
    tracker: ({ repeated }, before) => rebootTracker(operationId, before, repeated),
    outcomeOf: rebootOutcome,
    defaultTimeoutMs: defaultTimeoutMs(options, context.now()),
  });
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

function defaultTimeoutMs({ in: inMs = 0, at, window }: RebootOptions, now: Date): number {
  if (window === true) return dayMs + rebootMs;
  return Math.max(inMs, at === undefined ? 0 : at.getTime() - now.getTime()) + rebootMs;
}

function delay(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= maxDelayMs) return ms;
  throw new InvalidArgumentError("Expected a duration of at most 1 day, such as 90s, 5m or 1h30m.");
}

function timeWithinADay(text: string, now: Date): Date {
  const at = time(text, now);
  const delayMs = at.getTime() - now.getTime();
  if (delayMs >= -maxPastMs && delayMs <= maxDelayMs) return at;
  throw new InvalidArgumentError(`Expected a time from now (${now.toISOString()}) to 1 day later.`);
}
