import { HubBusy, HubUnreachable, TimedOut } from "./errors.ts";
import { pause } from "../watch/follow.ts";
import type { World } from "./context.ts";

/** How long a question is asked again: a restart of a hub is over by then, and nobody waits for long where there is none. */
const limitMs = 15_000;

/**
 * Asks a question that changes nothing, again and again while the hub is away or busy. What could be done twice is never
 * asked like this.
 * @throws what the last attempt ended with; Interrupted after Ctrl-C
 */
export async function patiently<T>(
  { timer, err, interrupted, lookEveryMs }: Pick<World, "timer" | "err" | "interrupted" | "lookEveryMs">,
  hub: Parameters<World["lookEveryMs"]>[0],
  ask: () => Promise<T>,
): Promise<T> {
  const untilMs = timer.nowMs() + limitMs;
  let told = false;
  for (;;) {
    try {
      return await ask();
    } catch (cause) {
      const passes = cause instanceof HubUnreachable || cause instanceof HubBusy || cause instanceof TimedOut;
      if (!passes || timer.nowMs() >= untilMs) throw cause;
      if (!told) err.write(`${cause.message} Trying again for ${limitMs / 1_000} s.\n`);
      told = true;
    }
    await pause(lookEveryMs(hub), timer, interrupted);
  }
}
