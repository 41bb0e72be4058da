import { createHash } from "node:crypto";
import type { BootClock, Timer, WallClock } from "../../agent/lib/clock.ts";
import type { Runtime } from "../../agent/lib/runtime.ts";
import { FakeTime } from "./fake-time.ts";
import { quiet } from "./logs.ts";

interface FakeRuntimeParts extends Partial<Runtime> {
  /** Both clocks and the timer, unless one is given apart. */
  readonly time?: WallClock & BootClock & Timer;
}

/** A runtime without chance, over a time of its own that stands still unless one is given. Silent. */
export function fakeRuntime({ time = new FakeTime(), ...parts }: FakeRuntimeParts = {}): Runtime {
  return {
    wallClock: time,
    bootClock: time,
    timer: time,
    random: () => 0,
    newId: () => "made-up",
    digest: (text) => createHash("sha256").update(text).digest("hex"),
    log: quiet,
    ...parts,
  };
}
