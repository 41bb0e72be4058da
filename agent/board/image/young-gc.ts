import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Frees buffers that were used for a moment. V8 lets 32 MiB of them pile up before it does so by itself, whatever its
 * heap's size (measured on Node 20.20 with each flag that says otherwise): as much again as the whole agent may take when
 * it downloads. Asked for, it takes a fraction of a millisecond, since what lives on is little.
 */
export function collectYoungGarbage(): void {
  collect ??= engineCollector();
  collect({ type: "minor" });
}

type Collect = (options: { readonly type: "minor" }) => void;
let collect: Collect | undefined;

/** V8's own, which it gives to contexts that are made while its flag is set. */
function engineCollector(): Collect {
  setFlagsFromString("--expose-gc");
  try {
    const gc: Collect = runInNewContext("gc");
    return gc;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
