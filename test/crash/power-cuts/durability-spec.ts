import { smallFiles, type Mark, type SmallFile } from "./marks.ts";

/* What must be found on a disk after a power cut, given what the writers had acknowledged until then. Pure. */

/** The bytes that give way on a full disk: the file that holds them is gone, whole, or there in part. */
export const reserved = { gone: 0, whole: 1, part: 2 } as const;

/** A small file: the value that was promised last, and those that were begun since: any of them may have taken its place. */
interface DurableValue {
  readonly kept: number | null;
  readonly begun: readonly number[];
}

interface DurableImage {
  /** At least so many bytes. */
  readonly bytes: number;
  /** Whether it lies there whole. */
  readonly staged: "no" | "perhaps" | "yes" | "gone";
  /** Whether the file may be shorter than its record says: only while it is being dropped. */
  readonly mayShrink: boolean;
}

/** Of the reserve how much of it is there: see `reserved`. */
export interface DurableContents extends Readonly<Record<SmallFile, DurableValue>> {
  readonly images: Readonly<Record<number, DurableImage>>;
}

const nothing: DurableValue = { kept: null, begun: [] };
const noImage: DurableImage = { bytes: 0, staged: "no", mayShrink: false };
export const nothingDurable: DurableContents = {
  state: nothing,
  trials: { kept: 0, begun: [] },
  config: nothing,
  reserve: { kept: reserved.gone, begun: [] },
  root: nothing,
  trust: nothing,
  floor: nothing,
  images: {},
};

/**
 * What was found after a power cut is what the next processes begin with. Of images they go on with one; another that lies
 * there is cleared away at some time.
 */
export function durableAfterPowerCut(found: ReadBack, goesOnWith: number | null): DurableContents {
  const kept = (value: ReadBack["state"]): DurableValue => ({
    kept: typeof value === "number" ? value : null,
    begun: [],
  });
  const images = Object.entries(found.images).map(([number, { usable, staged }]) => {
    const isWanted = Number(number) === goesOnWith;
    const bytes = isWanted ? (usable ?? 0) : 0;
    return [number, { bytes, staged: isWanted && staged === "right" ? "yes" : "perhaps", mayShrink: true }];
  });
  return {
    state: kept(found.state),
    trials: kept(found.trials),
    config: kept(found.config),
    reserve: kept(found.reserve),
    root: kept(found.root),
    trust: kept(found.trust),
    floor: kept(found.floor),
    images: Object.fromEntries(images) as DurableContents["images"],
  };
}

export function durableAfterMark(promised: DurableContents, mark: Mark): DurableContents {
  if (mark.of !== "image") {
    const register = promised[mark.of];
    const next: DurableValue =
      mark.is === "kept" ? { kept: mark.value, begun: [] } : { ...register, begun: [...register.begun, mark.value] };
    return { ...promised, [mark.of]: next };
  }
  const before = promised.images[mark.image] ?? noImage;
  return { ...promised, images: { ...promised.images, [mark.image]: imageAfter(before, mark) } };
}

function imageAfter(before: DurableImage, mark: Extract<Mark, { of: "image" }>): DurableImage {
  switch (mark.is) {
    case "kept":
      return {
        ...before,
        bytes: mark.bytes,
        mayShrink: false,
        staged: before.staged === "gone" ? "no" : before.staged,
      };
    case "given up":
      return { bytes: 0, mayShrink: true, staged: before.staged === "no" ? "no" : "perhaps" };
    case "staging":
      return { ...before, bytes: 0, staged: before.staged === "yes" ? "yes" : "perhaps" };
    case "staged":
      return { ...before, staged: "yes" };
    case "cleared":
      return { ...before, staged: "gone" };
  }
}

export interface ReadBackImage {
  /** Bytes to go on from; null where what is there is not what was written. */
  readonly usable: number | null;
  /** What the record says is there for sure, and how much there is; null without a record. */
  readonly claimed: number | null | "damaged";
  readonly there: number | null;
  readonly staged: "none" | "right" | "wrong";
}

/** What the agent's own readers found. A value is null where there is none, and "damaged" where it is not what was written. */
export interface ReadBack extends Readonly<Record<SmallFile, number | null | "damaged">> {
  readonly images: Readonly<Record<number, ReadBackImage>>;
}

/** What was promised and is not so, one sentence each. */
export function findLosses(promised: DurableContents, found: ReadBack): string[] {
  const registers = smallFiles.flatMap((of) => {
    const { kept, begun } = promised[of];
    const value = found[of];
    if (value === kept || (typeof value === "number" && begun.includes(value))) return [];
    return [`${of}: ${value === "damaged" ? "damaged" : `found ${value}`}, ${kept} was kept and ${begun.join()} begun`];
  });
  const images = Object.entries(found.images).flatMap(([number, image]) =>
    brokenImage(promised.images[Number(number)] ?? noImage, image).map((what) => `image ${number}: ${what}`),
  );
  return [...registers, ...images];
}

function brokenImage({ bytes, staged, mayShrink }: DurableImage, found: ReadBackImage): string[] {
  const said: string[] = [];
  if (found.usable === null) said.push("bytes to go on from are not those that were written");
  else if (found.usable < bytes) said.push(`${found.usable} bytes to go on from, ${bytes} were promised`);
  const { claimed, there } = found;
  if (claimed === "damaged") said.push("its record is damaged");
  else if (claimed !== null && claimed > (there ?? 0) && !mayShrink && staged === "no")
    said.push(`its record claims ${claimed} bytes, ${there} are there`);
  if (found.staged === "wrong") said.push("staged with another digest");
  if (staged === "yes" && found.staged === "none") said.push("staged, and not there");
  if (staged === "no" && found.staged !== "none") said.push("staged before that was begun");
  if (staged === "gone" && (found.staged !== "none" || there !== null)) said.push("cleared, and there again");
  return said;
}
