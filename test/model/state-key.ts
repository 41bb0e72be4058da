import type { AgentState } from "../../agent/operations/agent-state.ts";
import { bootIdOf } from "./board-state.ts";
import { contentOf, afterPowerCut, type DiskState, stateFile, trialsFile } from "./disk-state.ts";
import {
  rebootDueInMs,
  abstractObservations,
  isReported,
  abstractState,
  abstractBootCounter,
  abstractHub,
} from "./state-abstraction.ts";
import type { AgentRun } from "./agent-run.ts";
import type { Scenario, Environment } from "./environment.ts";

/*
 * When two moments of two histories are one: what decides of disk, board and hub is the same, what the witness holds against
 * the agent is, and so is what the agent may remember beyond what it has saved.
 */

/** What is known of texts and of immutable parts of worlds, during one search. */
function newCaches(everyTryCounts: boolean) {
  return {
    everyTryCounts,
    interned: new Map<string, number>(),
    /** Keys of parts, as seen in one boot. */
    parts: new WeakMap<object, { readonly boots: number; readonly key: string }>(),
    parsed: new Map<string, AgentState | undefined>(),
    essences: new Map<string, string>(),
    visible: new WeakMap<DiskState, string>(),
    cuts: new WeakMap<DiskState, readonly DiskState[]>(),
  };
}

let caches = newCaches(true);

/** Another search begins: its keys have nothing to do with those before. */
export function resetKeys({ qualities }: Scenario): void {
  caches = newCaches(qualities.includes("crashing"));
}

function intern(text: string): string {
  const { interned } = caches;
  let id = interned.get(text);
  if (id === undefined) interned.set(text, (id = interned.size));
  return id.toString(36);
}

/** A key with the texts that stand behind it, for people; the longer, the later it is asked for. */
export function describeKey(key: string): string[] {
  const texts = new Map([...caches.interned].map(([text, id]) => [id.toString(36), text]));
  const spelled = (text: string): string =>
    text
      .split("|")
      .map((part) => texts.get(part) ?? part)
      .join("|");
  return key.split(" ").map((part) => spelled(texts.get(part) ?? part));
}

function cachedKey(part: object, boots: number, compute: () => string): string {
  let known = caches.parts.get(part);
  if (known?.boots !== boots) caches.parts.set(part, (known = { boots, key: intern(compute()) }));
  return known.key;
}

/** Of boots it matters only which one is the present one. */
function seenIn(boots: number, text: string): string {
  return text.replaceAll(/"boot-(\d+)"/g, (_all, boot) => (Number(boot) === boots ? "now" : "past"));
}

/** A state as it was saved; undefined where it is torn, which the agent will say. */
function read(content: string): AgentState | undefined {
  if (!caches.parsed.has(content)) caches.parsed.set(content, savedFrom(content));
  return caches.parsed.get(content);
}

function savedFrom(content: string): AgentState | undefined {
  try {
    const { saved } = JSON.parse(content) as { saved: AgentState };
    return saved;
  } catch {
    return undefined;
  }
}

/** Of a saved state, as seen in a boot, or in any. */
function abstractionOf(content: string, boots: number | undefined): string {
  const name = `${boots ?? ""} ${content}`;
  let essence = caches.essences.get(name);
  if (essence === undefined) {
    const saved = read(content);
    const bootId = boots === undefined ? undefined : `boot-${boots}`;
    const text = saved === undefined ? content : abstractState(saved, caches.everyTryCounts, bootId);
    caches.essences.set(name, (essence = intern(boots === undefined ? text : seenIn(boots, text))));
  }
  return essence;
}

/** What programs would read now as the saved state. */
function savedOn(disk: DiskState): AgentState | undefined {
  const content = contentOf(disk, stateFile);
  return content === undefined ? undefined : read(content);
}

/** The copy before, and half-made copies, are never read while the newest is whole, which is checked. */
function isRead(path: string): boolean {
  return !path.endsWith(".new") && !path.endsWith("/state.previous.json");
}

/** What programs see. */
function visible(disk: DiskState): string {
  let key = caches.visible.get(disk);
  if (key === undefined) caches.visible.set(disk, (key = contents(disk)));
  return key;
}

/** What programs read, in a boot. */
function contents(disk: DiskState, boots?: number): string {
  return Object.entries(disk.names)
    .filter(([path]) => isRead(path))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, id]) => {
      const content = disk.files[id]?.content ?? "";
      if (path === stateFile) return abstractionOf(content, boots);
      return path === trialsFile ? path : path + content; // How often counts: see worldKey.
    })
    .join("|");
}

/** What a power cut may leave, each that looks alike once: a save that is lost shows by its number, whatever was in it. */
export function distinctPowerCuts(disk: DiskState): readonly DiskState[] {
  let distinct = caches.cuts.get(disk);
  if (distinct === undefined) {
    distinct = [
      ...new Map(afterPowerCut(disk, isRead).map((one) => [`${savedOn(one)?.seq} ${visible(one)}`, one])).values(),
    ];
    caches.cuts.set(disk, distinct);
  }
  return distinct;
}

/** What is seen now and, where it differs, what a power cut could leave. */
function diskText(disk: DiskState, boots: number): string {
  const now = visible(disk);
  const others = distinctPowerCuts(disk).filter((one) => visible(one) !== now);
  return [contents(disk, boots), ...new Set(others.map((one) => contents(one, boots)).sort())].join("||");
}

/** Everything but what was and what decides nothing. */
export function environmentKey({ disk, board, hub, observations, quality, bootMs }: Environment): string {
  const { boots, ...machine } = board;
  const { firstSavedBoot: firstBoot, rebootSavedInBoot: rebootSavedAt } = observations;
  const saved = savedOn(disk);
  return [
    cachedKey(disk, boots, () => diskText(disk, boots)),
    saved === undefined ? "" : rebootDueInMs(saved, bootIdOf(board), bootMs),
    abstractBootCounter(contentOf(disk, trialsFile), caches.everyTryCounts),
    (saved?.seq ?? 0) < observations.seq, // What was promised is lost: seen when the next run begins.
    cachedKey(board, 0, () => JSON.stringify(machine)),
    cachedKey(hub, 0, () => abstractHub(hub)),
    cachedKey(observations, 0, () => abstractObservations(observations)),
    firstBoot !== null && firstBoot < boots,
    rebootSavedAt !== null && rebootSavedAt < boots,
    quality,
  ].join(" ");
}

/** @param faultsLeft how many may still come: what takes more of them decides nothing */
export function runKey({ scheduler, hubDouble, memoryKey: memory }: AgentRun, faultsLeft: number): string {
  const { environment: environment, saved, pendingCalls: calls, timer } = scheduler;
  return [
    environmentKey({ ...environment, bootMs: timer.nowMs }),
    intern(`${memory} ${hubDouble.relevantLosses(faultsLeft)}`),
    hubDouble.isConnected && saved !== undefined && isReported(environment.hub, saved),
    intern(calls.labels.join("|")),
    // Deadlines from the boot on are a little nearer in one life than in another: nothing here takes so long.
    timer.waitsMs.map((waitMs) => (waitMs > 60_000 ? `${Math.ceil(waitMs / 60_000)} min` : waitMs)).join(","),
  ].join(" ");
}

const parsedStates = new Map<string, AgentState>();
const knownStates = new WeakMap<DiskState, readonly AgentState[]>();

/** Every state that would be read back after a power cut now. */
export function statesAfterPowerCut(disk: DiskState): readonly AgentState[] {
  const before = knownStates.get(disk);
  if (before !== undefined) return before;
  const contents = new Set(distinctPowerCuts(disk).map((one) => contentOf(one, stateFile)));
  const states = [...contents].flatMap((content) => (content === undefined ? [] : [parseSaved(content)]));
  knownStates.set(disk, states);
  return states;
}

function parseSaved(content: string): AgentState {
  const before = parsedStates.get(content);
  if (before !== undefined) return before;
  const { saved } = JSON.parse(content) as { saved: AgentState };
  parsedStates.set(content, saved);
  return saved;
}
