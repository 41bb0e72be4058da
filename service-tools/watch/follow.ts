import { parseBoardView } from "../boards/board-view.ts";
import { Interrupted, TimedOut } from "../cli/errors.ts";
import { poll } from "../cli/retry.ts";
import { formatDuration } from "../cli/units.ts";
import type { Context } from "../context.ts";
import { targetFlags, targetName, type HubClient, type Target } from "../hub-client/hub-client.ts";
import type { Outcome } from "./outcome.ts";
import { PlainProgress } from "./plain-progress.ts";
import type { ProgressView } from "./progress-view.ts";
import type { Progress, Tracker } from "./tracker.ts";
import { TtyProgress } from "./tty-progress.ts";

/** An operation that the board has accepted, and how to recognize and describe its end. */
export interface FollowedOperation<Memory, End> {
  readonly target: Target;
  readonly what: "reboot" | "update";
  readonly tracker: Tracker<Memory, End>;
  readonly timeoutMs: number;
  readonly outcomeOf: (end: End) => Outcome;
}

type FollowContext = Pick<Context, "err" | "timer" | "interrupted" | "pollIntervalMs">;

/**
 * Shows an operation on standard error until it ends. A board that goes offline and a hub that restarts are normal.
 * @throws TimedOut or Interrupted: both say that the operation continues and how to watch it; hub errors that do not pass
 */
export async function followToEnd<Memory, End>(
  context: FollowContext,
  client: Pick<HubClient, "getTwin" | "address">,
  operation: FollowedOperation<Memory, End>,
): Promise<Outcome> {
  const { target, what } = operation;
  const view = context.err.isTerminal
    ? new TtyProgress(context.err, context.timer)
    : new PlainProgress(context.err, context.timer);
  const advice = `The ${what} continues. Watch it with: boardkeeper watch ${targetFlags(target)}`;
  let ending: "good" | "bad" | "open" = "open";
  try {
    const outcome = await follow(context, client, operation, view, advice);
    ending = outcome.isGood ? "good" : "bad";
    return outcome;
  } catch (cause) {
    throw cause instanceof Interrupted ? new Interrupted(advice, { cause }) : cause;
  } finally {
    view.close(ending);
  }
}

async function follow<Memory, End>(
  { timer, interrupted, pollIntervalMs }: FollowContext,
  client: Pick<HubClient, "getTwin" | "address">,
  { target, what, tracker, timeoutMs, outcomeOf }: FollowedOperation<Memory, End>,
  view: ProgressView,
  advice: string,
): Promise<Outcome> {
  let memory = tracker.initial;
  let progress: Progress | undefined;
  let hubMessage: string | undefined;
  const options = { intervalMs: pollIntervalMs(client.address), limitMs: timeoutMs, timer, interrupted };
  for await (const twin of poll(() => client.getTwin(target), options)) {
    if (twin.ok) {
      const step = tracker.next(memory, parseBoardView(twin.value));
      ({ memory, progress } = step);
      hubMessage = undefined;
      view.show(progress);
      if (step.end !== undefined) return outcomeOf(step.end);
    } else {
      hubMessage = twin.error.message;
      view.hubUnreachable(hubMessage);
    }
  }
  const within = `The ${what} of ${targetName(target)} did not end within ${formatDuration(timeoutMs)}`;
  throw new TimedOut(`${within}: ${lastSeen(progress, hubMessage)}.`, { advice });
}

function lastSeen(progress: Progress | undefined, hubMessage: string | undefined): string {
  const phase = progress?.phases.at(-1)?.phase;
  const board = phase === undefined ? "the board has not reported it" : `its last phase was ${phase}`;
  const link = hubMessage ?? (progress?.online === false ? "the board is offline" : undefined);
  return link === undefined ? board : `${board}; ${link}`;
}
