import type { Entry } from "./block-log.ts";

/*
 * Where a power cut may leave a disk: what was flushed is there; of what was written since, any part, in any order, and a
 * write of several blocks in part. One block is written whole or not at all. Pure.
 */

const blockBytes = 4_096;

type Write = Extract<Entry, { kind: "write" }>;

/** The writes between two flushes, with the number of each in the log. */
export interface Epoch {
  readonly writes: readonly { readonly index: number; readonly write: Write }[];
  /** The numbers of the first entry and of the flush that ends it. */
  readonly from: number;
  readonly to: number;
}

/** @param isDisk false for what was written behind the file system */
export function epochsOf(entries: readonly Entry[], isDisk: (write: Write) => boolean): Epoch[] {
  const epochs: Epoch[] = [];
  let [from, writes]: [number, Epoch["writes"][number][]] = [0, []];
  entries.forEach((entry, index) => {
    if (entry.kind === "write") {
      if (isDisk(entry)) writes.push({ index, write: entry });
      return;
    }
    epochs.push({ writes, from, to: index });
    [from, writes] = [index + 1, []];
  });
  return [...epochs, { writes, from, to: entries.length }];
}

/** What of an epoch has reached the disk: pieces in the order of the log, and the number of the last entry among them. */
export interface Cut {
  readonly pieces: readonly { readonly atBytes: number; readonly data: Buffer }[];
  readonly last: number;
}

/** Some of the ways in which an epoch can be cut off: nothing, and so many others; all, where they are not more. */
export function cutsOf({ writes, from }: Epoch, most: number, random: () => number): Cut[] {
  const cuts: Cut[] = [{ pieces: [], last: from }];
  const wholes = 2 ** Math.min(writes.length, 20) - 1;
  const seen = new Set<string>();
  // Torn writes are drawn too: a few draws more find the rest of what there is.
  for (let drawn = 0; drawn < most * 2 && cuts.length <= most && writes.length > 0; drawn += 1) {
    const outcomeOf = wholes <= most && drawn < wholes ? subset(drawn + 1) : () => draw(random);
    const pieces: Cut["pieces"][number][] = [];
    let [last, name] = [from, ""];
    writes.forEach(({ index, write: { atBytes, data } }, number) => {
      const outcome = outcomeOf(number);
      if (outcome === "lost") return;
      const kept = outcome === "whole" ? { atBytes, data } : torn(atBytes, data, random);
      pieces.push(kept);
      [last, name] = [index, `${name} ${kept.atBytes}+${kept.data.length}`];
    });
    if (pieces.length > 0 && !seen.has(name)) cuts.push({ pieces, last });
    seen.add(name);
  }
  return cuts;
}

type Outcome = "lost" | "whole" | "torn";

/** The bits of a number say which writes are kept. */
function subset(bits: number): (number: number) => Outcome {
  return (number) => ((bits & (2 ** number)) === 0 ? "lost" : "whole");
}

function draw(random: () => number): Outcome {
  const drawn = random();
  return drawn < 0.45 ? "lost" : drawn < 0.85 ? "whole" : "torn";
}

/** The first or the last blocks of a write. */
function torn(atBytes: number, data: Buffer, random: () => number): { atBytes: number; data: Buffer } {
  const blocks = Math.floor(data.length / blockBytes);
  if (blocks < 2) return { atBytes, data };
  const middle = (1 + Math.floor(random() * (blocks - 1))) * blockBytes;
  return random() < 0.5
    ? { atBytes, data: data.subarray(0, middle) }
    : { atBytes: atBytes + middle, data: data.subarray(middle) };
}
