import { Interrupted, TimedOut } from "../cli/errors.ts";
import { nameOf, targetFlags, type HubClient, type Target } from "../hub-client/hub-client.ts";
import { sayDuration } from "../cli/screen/measures.ts";
import type { World } from "../cli/context.ts";
import { follow } from "./follow.ts";
import { followView } from "./progress-view.ts";
import type { Story } from "./tracker.ts";

export interface Awaited<Memory, End> {
  readonly target: Target;
  readonly what: "reboot" | "update";
  readonly story: Story<Memory, End>;
  readonly limitMs: number;
  readonly isGood: (end: End) => boolean;
}

/**
 * Shows an operation on standard error until it has ended.
 * @throws TimedOut and Interrupted, both of which say that the work goes on and how to follow it
 */
export async function awaitEnd<Memory, End>(
  world: World,
  client: HubClient,
  { target, what, story, limitMs, isGood }: Awaited<Memory, End>,
): Promise<End> {
  const { timer, interrupted } = world;
  const view = followView(world.err, timer);
  const goesOn = `The ${what} goes on; follow it with: boardkeeper watch ${targetFlags(target)}`;
  let ending: "good" | "bad" | "open" = "open";
  try {
    const lookMs = world.lookEveryMs(client.address);
    const followed = await follow(target, story, limitMs, { client, lookMs, timer, interrupted, view });
    if ("end" in followed) {
      ending = isGood(followed.end) ? "good" : "bad";
      return followed.end;
    }
    const { scene, trouble } = followed.late;
    const last = scene?.phases.at(-1)?.phase;
    const seen = last === undefined ? "the board has not told of it" : `its last phase was ${last}`;
    const link = trouble ?? (scene?.online === false ? "the board is offline" : undefined);
    throw new TimedOut(
      `The ${what} of ${nameOf(target)} did not end within ${sayDuration(limitMs)}: ${[seen, link].filter((one) => one !== undefined).join("; ")}.`,
      { advice: goesOn },
    );
  } catch (cause) {
    throw cause instanceof Interrupted ? new Interrupted(goesOn, { cause }) : cause;
  } finally {
    view.close(ending);
  }
}
