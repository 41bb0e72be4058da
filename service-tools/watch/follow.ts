import { boardViewFrom } from "../boards/board-view.ts";
import { HubBusy, HubUnreachable, TimedOut } from "../cli/errors.ts";
import type { HubClient, Target } from "../hub-client/hub-client.ts";
import type { Timer } from "../cli/timer.ts";
import type { FollowView } from "./progress-view.ts";
import type { Scene, Story } from "./tracker.ts";

export interface FollowPorts {
  readonly client: Pick<HubClient, "twin">;
  /** How long between two looks. */
  readonly lookMs: number;
  readonly timer: Timer;
  readonly interrupted: AbortSignal;
  readonly view: FollowView;
}

/** How an operation was left: at its end, or at the last thing seen of it when the time was up. */
export type Followed<End> =
  | { readonly end: End }
  | { readonly late: { readonly scene: Scene | undefined; readonly trouble: string | undefined } };

/**
 * Follows an operation through the twin until it ends or the time is up, one look at a time. A board that goes offline and
 * a hub that restarts are part of the journey: only what waiting cannot mend is thrown.
 * @throws Interrupted after Ctrl-C
 */
export async function follow<Memory, End>(
  target: Target,
  story: Story<Memory, End>,
  limitMs: number,
  { client, lookMs, timer, interrupted, view }: FollowPorts,
): Promise<Followed<End>> {
  const untilMs = timer.nowMs() + limitMs;
  let memory = story.begin;
  let scene: Scene | undefined;
  let trouble: string | undefined;
  for (;;) {
    try {
      const chapter = story.next(memory, boardViewFrom(await client.twin(target)));
      ({ memory, scene } = chapter);
      trouble = undefined;
      view.show(scene);
      if (chapter.end !== undefined) return { end: chapter.end };
    } catch (cause) {
      if (!(cause instanceof HubUnreachable || cause instanceof HubBusy || cause instanceof TimedOut)) throw cause;
      trouble = cause.message;
      view.trouble(trouble);
    }
    const leftMs = untilMs - timer.nowMs();
    if (leftMs <= 0) return { late: { scene, trouble } };
    await pause(Math.min(lookMs, leftMs), timer, interrupted);
  }
}

/** @throws the reason of the signal, once it is aborted: Interrupted after Ctrl-C */
export async function pause(delayMs: number, timer: Timer, interrupted: AbortSignal): Promise<void> {
  try {
    await timer.after(delayMs, interrupted);
  } catch (cause) {
    interrupted.throwIfAborted();
    throw cause;
  }
}
