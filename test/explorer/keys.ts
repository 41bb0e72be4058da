import { cuts, type DiskState } from "./disk.ts";
import type { Life } from "./life.ts";
import type { World } from "./world.ts";

/*
 * When two moments of two histories are one: what lies on disk, board and hub is the same but for what decides nothing (times
 * as labels, how often something was saved), and so is what the agent has done since it last saved.
 */

const interned = new Map<string, number>();

function intern(text: string): string {
  let id = interned.get(text);
  if (id === undefined) interned.set(text, (id = interned.size));
  return id.toString(36);
}

/** Keys of immutable parts of worlds, as seen in one boot. */
const memo = new WeakMap<object, Map<number, string>>();

function remembered(part: object, boots: number, compute: () => string): string {
  let keys = memo.get(part);
  if (keys === undefined) memo.set(part, (keys = new Map()));
  let key = keys.get(boots);
  if (key === undefined) keys.set(boots, (key = intern(seenIn(boots, compute()))));
  return key;
}

/** Times are labels. Of boots it matters only which one is the present one. */
function seenIn(boots: number, text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]{12}Z/g, "T")
    .replaceAll(/"boot-(\d+)"/g, (_all, boot) => (Number(boot) === boots ? "now" : "past"));
}

const contents = new Map<string, string>();

function contentKey(path: string, content: string): string {
  if (!path.endsWith("/state.json")) return path + content;
  let key = contents.get(content);
  if (key === undefined) {
    const { saved } = JSON.parse(content) as { saved: object };
    contents.set(content, (key = JSON.stringify({ ...saved, seq: 0 })));
  }
  return key;
}

const seen = new WeakMap<DiskState, string>();

/** What programs see. The copy before and half-made copies are never read while the newest is whole, which is checked. */
function visible(disk: DiskState): string {
  let key = seen.get(disk);
  if (key === undefined) {
    key = Object.entries(disk.names)
      .filter(([path]) => !path.endsWith(".new") && !path.endsWith("/state.previous.json"))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([path, id]) => contentKey(path, disk.files[id]?.content ?? ""))
      .join("|");
    seen.set(disk, key);
  }
  return key;
}

const outcomes = new WeakMap<DiskState, readonly DiskState[]>();

/** What a power cut may leave, each that looks alike once. */
export function distinctCuts(disk: DiskState): readonly DiskState[] {
  let distinct = outcomes.get(disk);
  if (distinct === undefined) {
    distinct = [...new Map(cuts(disk).map((one) => [visible(one), one])).values()];
    outcomes.set(disk, distinct);
  }
  return distinct;
}

/** What is seen now and, where it differs, what a power cut could leave. */
function diskText(disk: DiskState): string {
  const now = visible(disk);
  const others = distinctCuts(disk)
    .map(visible)
    .filter((one) => one !== now);
  return [now, ...others.sort()].join("||");
}

/** Everything but what was and what decides nothing. */
export function worldKey({ disk, board, hub, ledger, quality, bootMs, wallStepMs }: World): string {
  const { boots, ...machine } = board;
  const { seq: _seq, firstBoot, rebootSavedAt, ...notes } = ledger;
  const diskKey = remembered(disk, boots, () => diskText(disk));
  return [
    diskKey,
    // The boot clock matters only to what is due by it.
    visible(disk).includes("dueBootMs") ? bootMs : "",
    remembered(board, 0, () => JSON.stringify(machine)),
    remembered(hub, boots, () => JSON.stringify(hub)),
    remembered(ledger, boots, () => JSON.stringify(notes)),
    firstBoot !== null && firstBoot < boots,
    rebootSavedAt !== null && rebootSavedAt < boots,
    quality,
    wallStepMs === 0,
  ].join(" ");
}

export function lifeKey(life: Life): string {
  return [
    worldKey({ ...life.world, bootMs: life.timer.nowMs }),
    intern(life.memory),
    intern(life.calls.map(({ label }) => label).join("|")),
    life.timer.waitsMs.join(","),
  ].join(" ");
}
