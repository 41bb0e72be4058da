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
    const step = tracker.next(memory, asking.boardView(twin.value));
    ({ memory, progress } = step);
    hubMessage = undefined;
    view.show(progress);
    if (step.end !== undefined) return outcomeOf(step.end);
    if (!asking.isDue(progress, step.presumedEnd !== undefined, timer.nowMs())) continue;
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

/** Asks the board itself where its twin does not tell; rarely, because each call costs messages of the hub's quota. */
class Asking {
  readonly #client: Pick<HubClient, "callMethod">;
  readonly #target: Target;
  #twin: JsonObject | undefined;
  /** What the board said last, while that is newer than its twin. */
  #newer: BoardView | undefined;
  #isEndPresumed = false;
  readonly #schedule: QuestionSchedule;

  constructor(client: Pick<HubClient, "callMethod">, target: Target, nowMs: number) {
    this.#client = client;
    this.#target = target;
    this.#schedule = new QuestionSchedule(nowMs);
  }

  /**
   * What the twin says of the board; what the board said last, once it has said that its twin does not take its reports. What
   * only the hub knows is always the twin's.
   */
  boardView(twin: JsonObject): BoardView {
    this.#twin = twin;
    const view = parseBoardView(twin);
    return this.#newer === undefined ? view : { ...this.#newer, connected: view.connected, desired: view.desired };
  }

  /** Whether nothing has changed for so long that the board should be asked, or an end is presumed that it has to confirm. */
  isDue(progress: Progress, isEndPresumed: boolean, nowMs: number): boolean {
    if (isEndPresumed && !this.#isEndPresumed) this.#schedule.askSoon(nowMs);
    this.#isEndPresumed = isEndPresumed;
    return this.#schedule.isDue(progress, progress.online, nowMs);
  }

  /** Undefined when the board does not answer. */
  async ask(): Promise<AskedStatus | undefined> {
    if (this.#twin === undefined) return undefined;
    const said = await askStatus(this.#client, this.#target, this.#twin);
    if (said === undefined) return undefined;
    // A twin that takes reports again may say something older for a while.
    const isInStep = said.isTwinComplete && isSameState(parseBoardView(this.#twin), said.view);
    if (said.isTwinStale || (this.#newer !== undefined && !isInStep)) this.#newer = said.view;
    else this.#newer = undefined;
    return said;
  }
}

function isSameState(a: BoardView, b: BoardView): boolean {
  const stateOf = ({ agent, update, reboot }: BoardView): string =>
    JSON.stringify([agent?.bootId, update.operationId, update.phase, reboot.operationId, reboot.phase]);
  return stateOf(a) === stateOf(b);
}

/** How the operation has ended, as the board says; its twin has not told. */
function endSaid<Memory, End>(
  tracker: Tracker<Memory, End>,
  memory: Memory,
  said: AskedStatus | undefined,
): End | undefined {
  if (said === undefined) return undefined;
  const { end, presumedEnd } = tracker.next(memory, said.view);
  // A board that has yet to handle the desired properties may begin after that.
  return end ?? (said.hasHandledDesired ? presumedEnd : undefined);
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
