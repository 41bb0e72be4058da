import type { BootClock, Timer, WallClock } from "./clock.ts";
import type { Log } from "./log.ts";

/** Time, chance and the log: what nearly every part of a running agent needs, and every test replaces. */
export interface Runtime {
  readonly wallClock: WallClock;
  readonly bootClock: BootClock;
  readonly timer: Timer;
  /** In [0, 1). */
  readonly random: () => number;
  /** A new UUID. */
  readonly newId: () => string;
  /** SHA-256 of a text, in hex. */
  readonly digest: (text: string) => string;
  readonly log: Log;
}

/** The same runtime, whose log lines name a part of the agent: `part: "update"`. */
export function runtimeFor(part: string, runtime: Runtime): Runtime {
  return { ...runtime, log: runtime.log.child({ part }) };
}
