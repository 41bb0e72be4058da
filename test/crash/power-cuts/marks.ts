import { isJsonObject } from "../../../agent/contract/json.ts";

/*
 * What the writer acknowledges, as blocks of its own behind the file system: they stand in the log between the writes
 * that came before and after, and make nothing else reach the disk.
 */

/** What lies in small files. `root`, `trust` and `floor`: the trust store's root, its other metadata, and its record. */
export const smallFiles = ["state", "trials", "config", "reserve", "root", "trust", "floor"] as const;
export type SmallFile = (typeof smallFiles)[number];

/** Each value that the small files can have, and each image, has a number. */
export type Mark =
  /** A small file is about to be replaced, or its new content was promised to survive. */
  | { readonly of: SmallFile; readonly is: "begun" | "kept"; readonly value: number }
  /** `kept`: so many bytes were promised to survive. `given up`: they need not be there any more. */
  | { readonly of: "image"; readonly image: number; readonly is: "kept"; readonly bytes: number }
  | { readonly of: "image"; readonly image: number; readonly is: "given up" | "staging" | "staged" | "cleared" };

/** One sector of the log. */
const markBytes = 512;

export function encodeMark(mark: Mark): Buffer {
  return Buffer.from(JSON.stringify(mark).padEnd(markBytes));
}

export function decodeMark(sector: Buffer): Mark {
  const mark: unknown = JSON.parse(sector.toString());
  if (isJsonObject(mark)) return mark as unknown as Mark;
  throw new Error("A mark is no object.");
}
