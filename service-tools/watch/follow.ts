import { askStatus, type AskedStatus } from "../boards/ask-status.ts";
import { parseBoardView, type BoardView } from "../boards/board-view.ts";
import { Interrupted, TimedOut } from "../cli/errors.ts";
import { poll } from "../cli/retry.ts";
import { formatDuration } from "../../agent/contract/duration.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { Context } from "../context.ts";
import { targetFlags, targetName, type HubClient, type Target } from "../hub-client/hub-client.ts";
import type { Outcome } from "./outcome.ts";
import { PlainProgress } from "./plain-progress.ts";
import type { ProgressView } from "./progress-view.ts";
import { QuestionSchedule } from "./question-schedule.ts";
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
  client: Pick<HubClient, "getTwin" | "callMethod" | "address">,
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
  client: Pick<HubClient, "getTwin" | "callMethod" | "address">,
  { target, what, tracker, timeoutMs, outcomeOf }: FollowedOperation<Memory, End>,
  view: ProgressView,
  advice: string,
): Promise<Outcome> {
  let memory = tracker.initial;
  let progress: Progress | undefined;
  let hubMessage: string | undefined;
  const asking = new Asking(client, target, timer.nowMs());
  const options = { intervalMs: pollIntervalMs(client.address), limitMs: timeoutMs, timer, interrupted };
  for await (const twin of poll(() => client.getTwin(target), options)) {
    if (!twin.ok) {
      hubMessage = twin.error.message;
      view.hubUnreachable(hubMessage);
      continue;
    }
    const step = tracker.next(memory, await asking.boardView(twin.value));
    ({ memory, progress } = step);
    hubMessage = undefined;
    view.show(progress);
    if (step.end !== undefined) return outcomeOf(step.end);
    if (!asking.isDue(progress, timer.nowMs())) continue;
    const end = endSaid(tracker, memory, await asking.ask());
    if (end !== undefined) return outcomeOf(end);
  }
  // The twin may be older than the board, so the board has the last word.
  const said = await asking.ask();
  const end = endSaid(tracker, memory, said);
  if (end !== undefined) return outcomeOf(end);
  const within = `The ${what} of ${targetName(target)} did not end within ${formatDuration(timeoutMs)}`;
  throw new TimedOut(`${within}: ${lastSeen(progress, hubMessage)}.${ownWords(said, what)}`, { advice });
}

/** Asks the board itself where its twin does not tell. */
class Asking {
  readonly #client: Pick<HubClient, "callMethod">;
  readonly #target: Target;
  #twin: JsonObject | undefined;
  #isTwinStale = false;
  #last: BoardView | undefined;
  readonly #schedule: QuestionSchedule;

  constructor(client: Pick<HubClient, "callMethod">, target: Target, nowMs: number) {
    this.#client = client;
    this.#target = target;
    this.#schedule = new QuestionSchedule(nowMs);
  }

  /** What the twin says of the board; what the board says, once it has said that its twin does not take its reports. */
  async boardView(twin: JsonObject): Promise<BoardView> {
    this.#twin = twin;
    const view = parseBoardView(twin);
    if (!this.#isTwinStale) return view;
    const said = view.connected ? await this.ask() : undefined;
    return said?.view ?? this.#offline() ?? view;
  }

  /** What the board said last: while it is away, its twin would say something older. */
  #offline(): BoardView | undefined {
    return this.#last === undefined ? undefined : { ...this.#last, connected: false };
  }

  /** Whether nothing has changed for so long that the board should be asked. */
  isDue(progress: Progress, nowMs: number): boolean {
    return this.#schedule.isDue(progress, progress.online, nowMs);
  }

  /** Undefined when the board does not answer. */
  async ask(): Promise<AskedStatus | undefined> {
    if (this.#twin === undefined) return undefined;
    const said = await askStatus(this.#client, this.#target, this.#twin);
    if (said !== undefined) {
      // For good: a twin that is being brought up to date would still say something older for a while.
      this.#isTwinStale ||= said.isTwinStale;
      this.#last = said.view;
    }
    return said;
  }
}

/** How the operation has ended, as the board says; its twin has not told. */
function endSaid<Memory, End>(
  tracker: Tracker<Memory, End>,
  memory: Memory,
  said: AskedStatus | undefined,
): End | undefined {
  return said === undefined ? undefined : tracker.next(memory, said.view).end;
}

/** What the board itself says, as sentences after the first one. */
function ownWords(said: AskedStatus | undefined, what: "reboot" | "update"): string {
  if (said === undefined) return "";
  const { phase, operationId } = said.view[what];
  const id = operationId === null ? "" : ` (${operationId})`;
  return ` The board itself says: ${what} ${phase}${id}.${said.reporting === null ? "" : ` ${said.reporting}`}`;
}

function lastSeen(progress: Progress | undefined, hubMessage: string | undefined): string {
  const phase = progress?.phases.at(-1)?.phase;
  const board = phase === undefined ? "the board has not reported it" : `its last phase was ${phase}`;
  const link = hubMessage ?? (progress?.online === false ? "the board is offline" : undefined);
  return link === undefined ? board : `${board}; ${link}`;
}
