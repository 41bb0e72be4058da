import type { AgentState } from "../../agent/operations/agent-state.ts";
import { afterPowerCut, contentOf, stateFile, trialsFile, type DiskState } from "./disk-state.ts";
import { abstractBootCounter, abstractState } from "./state-abstraction.ts";

/* The part of a state's key that comes from the disk, and the caches that make keys cheap. One exploration at a time. */

function newCaches(everyTryCounts: boolean) {
  return {
    everyTryCounts,
    interned: new Map<string, number>(),
    /** Keys of immutable parts, as seen in one boot. */
    parts: new WeakMap<object, { readonly boots: number; readonly key: string }>(),
    parsed: new Map<string, AgentState | undefined>(),
    abstractions: new Map<string, string>(),
    visible: new WeakMap<DiskState, string>(),
    cuts: new WeakMap<DiskState, readonly DiskState[]>(),
    readBack: new WeakMap<DiskState, readonly AgentState[]>(),
  };
}

let caches = newCaches(true);

/**
 * Empties the caches: keys of two explorations cannot be compared.
 * @param everyTryCounts whether counters are compared exactly, as a system that crashes by itself needs it
 */
export function resetKeys(everyTryCounts: boolean): void {
  caches = newCaches(everyTryCounts);
}

/** A short name for a text, the same for the same text. */
export function intern(text: string): string {
  const { interned } = caches;
  let id = interned.get(text);
  if (id === undefined) interned.set(text, (id = interned.size));
  return id.toString(36);
}

/** A key with the texts behind its short names, to be read by people. */
export function describeKey(key: string): string[] {
  const texts = new Map([...caches.interned].map(([text, id]) => [id.toString(36), text]));
  const describe = (text: string): string =>
    text
      .split("|")
      .map((part) => texts.get(part) ?? part)
      .join("|");
  return key.split(" ").map((part) => describe(texts.get(part) ?? part));
}

/** The key of an immutable part of the environment, computed once for each boot. */
export function cachedKey(part: object, boots: number, compute: () => string): string {
  let known = caches.parts.get(part);
  if (known?.boots !== boots) caches.parts.set(part, (known = { boots, key: intern(compute()) }));
  return known.key;
}

/** Of a boot id it matters only whether it is the present one. */
function relativeTo(boots: number, text: string): string {
  return text.replaceAll(/"boot-(\d+)"/g, (_all, boot) => (Number(boot) === boots ? "now" : "past"));
}

/** A saved state; undefined where the file is torn. The agent reports that, and the invariants object. */
function parse(content: string): AgentState | undefined {
  if (!caches.parsed.has(content)) caches.parsed.set(content, parseUncached(content));
  return caches.parsed.get(content);
}

function parseUncached(content: string): AgentState | undefined {
  try {
    const { saved } = JSON.parse(content) as { saved: AgentState };
    return saved;
  } catch {
    return undefined;
  }
}

/** The abstraction of a saved state, as seen in one boot, or in any. */
function abstractionOf(content: string, boots: number | undefined): string {
  const name = `${boots ?? ""} ${content}`;
  let abstraction = caches.abstractions.get(name);
  if (abstraction === undefined) {
    const saved = parse(content);
    const bootId = boots === undefined ? undefined : `boot-${boots}`;
    const text = saved === undefined ? content : abstractState(saved, caches.everyTryCounts, bootId);
    caches.abstractions.set(name, (abstraction = intern(boots === undefined ? text : relativeTo(boots, text))));
  }
  return abstraction;
}

/** The saved state that a program would read now. */
export function savedOn(disk: DiskState): AgentState | undefined {
  const content = contentOf(disk, stateFile);
  return content === undefined ? undefined : parse(content);
}

/** The abstraction of the boot counter that a program would read now. */
export function bootCounterOn(disk: DiskState): string {
  return abstractBootCounter(contentOf(disk, trialsFile), caches.everyTryCounts);
}

/** The copy before, and half-made copies, are never read while the newest is whole, which is checked. */
function isRead(path: string): boolean {
  return !path.endsWith(".new") && !path.endsWith("/state.previous.json");
}

/** What programs would read now. */
function visible(disk: DiskState): string {
  let key = caches.visible.get(disk);
  if (key === undefined) caches.visible.set(disk, (key = contents(disk)));
  return key;
}

function contents(disk: DiskState, boots?: number): string {
  return Object.entries(disk.names)
    .filter(([path]) => isRead(path))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, id]) => {
      const content = disk.files[id]?.content ?? "";
      if (path === stateFile) return abstractionOf(content, boots);
      // A part of a copy of another boot is removed unread.
      if (boots !== undefined && path.endsWith(".part") && !path.endsWith(`.b${boots}.part`)) return "stale part";
      return path === trialsFile ? path : path + content; // The count itself: bootCounterOn.
    })
    .join("|");
}

/** The disks that a power cut may leave; of those that programs cannot distinguish, one for each `seq` of the saved state. */
export function distinctPowerCuts(disk: DiskState): readonly DiskState[] {
  let distinct = caches.cuts.get(disk);
  if (distinct === undefined) {
    const byKey = new Map(afterPowerCut(disk, isRead).map((one) => [`${savedOn(one)?.seq} ${visible(one)}`, one]));
    caches.cuts.set(disk, (distinct = [...byKey.values()]));
  }
  return distinct;
}

/** Every saved state that would be read back after a power cut now. */
export function statesAfterPowerCut(disk: DiskState): readonly AgentState[] {
  let states = caches.readBack.get(disk);
  if (states === undefined) {
    const found = new Set(distinctPowerCuts(disk).map((one) => contentOf(one, stateFile)));
    states = [...found].flatMap((content) => (content === undefined ? [] : [parseWhole(content)]));
    caches.readBack.set(disk, states);
  }
  return states;
}

/** @throws where the file is torn: no power cut may leave that */
function parseWhole(content: string): AgentState {
  const saved = parse(content);
  if (saved === undefined) throw new Error(`A power cut would leave a torn state file: ${content}`);
  return saved;
}

/** What programs read now and, where it differs, after a power cut. */
export function diskText(disk: DiskState, boots: number): string {
  const now = visible(disk);
  const others = distinctPowerCuts(disk).filter((one) => visible(one) !== now);
  return [contents(disk, boots), ...new Set(others.map((one) => contents(one, boots)).sort())].join("||");
}
