import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Frees short-lived buffers. V8 lets 32 MiB of them accumulate before it does so by itself, whatever the heap's size (measured
 * on Node 20.20 with every flag that promises otherwise): that would double the agent's memory during a download. A minor
 * collection takes a fraction of a millisecond, since few objects survive it.
 */
export function collectYoungGarbage(): void {
  collect ??= engineCollector();
  collect({ type: "minor" });
}

type Collect = (options: { readonly type: "minor" }) => void;
let collect: Collect | undefined;

/** V8's `gc` function, which contexts get that are created while the flag is set. */
function engineCollector(): Collect {
  setFlagsFromString("--expose-gc");
  try {
    const gc: Collect = runInNewContext("gc");
    return gc;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
