import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "minor" | "major" }) => void;
let collect: Collect | undefined;

/**
 * Frees short-lived buffers. V8 lets 32 MiB of them accumulate before it does so by itself, whatever the heap's size (measured
 * on Node 20.20 with every flag that promises otherwise): that would double the agent's memory during a download. A minor
 * collection takes a fraction of a millisecond, since few objects survive it.
 */
export function collectYoungGarbage(): void {
  collect ??= engineCollector();
  collect({ type: "minor" });
}

/**
 * Gives back the memory that only the start has needed. Since V8 13 (Node 24), the pages of the young generation stay the process's until
 * a collection of the whole heap, and an idle agent does not come to one: 4 MiB. With an earlier V8 nothing is to be gained.
 * The collection takes some 15 ms, in which nothing else is done.
 * @param v8Version as in `process.versions.v8`
 */
export function releaseStartMemory(v8Version: string, collectWith = engineCollector): void {
  if (Number.parseInt(v8Version, 10) < 13) return;
  collectWith()({ type: "major" });
}

/** V8's `gc` function, which contexts get that are created while the flag is set. */
function engineCollector(): Collect {
  // A collection is shorter than it takes to wake other threads for it: a download took a tenth more processor time with them.
  setFlagsFromString("--no-parallel-scavenge");
  setFlagsFromString("--no-concurrent-array-buffer-sweeping");
  setFlagsFromString("--expose-gc");
  try {
    const gc: Collect = runInNewContext("gc");
    return gc;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
