import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { settle } from "./fake-time.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { FakeBoard } from "./fake-board.ts";
import { FakeHub } from "./fake-hub.ts";
import { desired, refusedDesired } from "./recorded-states.ts";

/* Starts an agent on a state that another release has saved. It runs in the sources of an earlier release too, as recorded-states.ts. */

const oldVersion = "1.0.0";
const newVersion = "2.0.0";
const stepMs = 120_000;
const longestMs = 30 * stepMs;
/** The boots before the one in which every recorded state was saved, at the latest. */
const firstBoot = 5;

/** What came before the start: the agent alone ended, or the whole board did. */
export type Interruption = "agent" | "power";

export interface TakenUp {
  /** Phases when the state is recovered: `downloading 2, idle`. */
  readonly recovered: string;
  /** Phases an hour later, in which the board went on by itself. */
  readonly end: string;
  readonly reported: JsonObject;
  readonly status: JsonObject;
  readonly saved: AgentState;
}

export async function takeUp(found: AgentState, after: Interruption): Promise<TakenUp> {
  const hub = new FakeHub();
  if (found.handledDesired !== null) hub.setDesired(found.handledDesired.refused === null ? desired : refusedDesired);
  const windows = [{ cron: "0 2 * * *", duration: "2h", timezone: "UTC" }];
  const restart = JSON.stringify(found).includes('"service"') ? "service" : "board";
  const board = new FakeBoard(hub, { restart, settings: { "maintenance.windows": windows } });
  // The agent's boot ids are counted.
  const boot = Number(found.bootId.replace("boot-", ""));
  if (!(boot < firstBoot)) throw new Error(`The state of boot ${found.bootId} was not saved by a board of tests.`);
  board.saved = found;
  board.boots = after === "agent" ? boot - 1 : boot;
  board.forgetsReboot = true;
  let version = versionAtStart(found, after, restart);
  await board.flash(version, version === oldVersion ? newVersion : oldVersion);
  await settle();
  const recovered = phasesOf(board);
  for (let passedMs = 0; passedMs < longestMs; passedMs += stepMs) {
    await board.time.advance(stepMs);
    if (board.saved.reboot.phase !== "rebooting") continue;
    version = versionAfterReboot(board.saved, version);
    await board.flash(version); // The boot loader.
  }
  const { payload } = await board.ask("getStatus", null);
  return { recovered, end: phasesOf(board), reported: hub.reported, status: payload, saved: board.saved };
}

/** Both phases, with the number of the attempt and the code of an error. */
function phasesOf({ saved }: FakeBoard): string {
  if (saved === undefined) return "nothing saved";
  const { update, reboot } = saved;
  const words = (one: typeof update | typeof reboot): string => {
    const attempts = "attempt" in one ? (one.attempt ?? 1) : 1;
    const attempt = attempts > 1 ? [attempts] : [];
    return [one.phase, ...attempt, ...("error" in one && one.error !== undefined ? [one.error.code] : [])].join(" ");
  };
  return `${words(update)}, ${words(reboot)}`;
}

/** A boot loader tries a new system once: a power cut before the commit brings the old one back. */
function versionAtStart({ update }: AgentState, after: Interruption, restart: "board" | "service"): string {
  if (update.phase === "completed") return newVersion;
  const ranNew = update.phase === "proving" || (update.phase === "reverting" && update.end === "rolledBack");
  if (after === "agent" || restart === "service") return ranNew ? newVersion : oldVersion;
  return update.phase === "rebooting" && update.armed ? newVersion : oldVersion;
}

function versionAfterReboot({ update }: AgentState, version: string): string {
  if (update.phase === "rebooting") return newVersion;
  return update.phase === "reverting" ? oldVersion : version;
}

/** What becomes of each saved state among some files, as a table. */
export async function outcomesOf(files: ReadonlyMap<string, string>): Promise<string> {
  let table = `| saved | agent restarted | an hour later | power cut | an hour later |\n|---|---|---|---|---|\n`;
  for (const [name, text] of statesIn(files)) {
    const found = await loadState(text);
    const cells = [name.replace(/\.json$/, "")];
    for (const after of ["agent", "power"] as const) {
      const { recovered, end } = await takeUp(found, after);
      cells.push(recovered, end);
    }
    table += `| ${cells.join(" | ")} |\n`;
  }
  return table;
}

export async function filesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(folder)).sort()) files.set(name, await readFile(join(folder, name), "utf8"));
  return files;
}

/** Those that are saved states, in the order of their names. */
export function statesIn(files: ReadonlyMap<string, string>): readonly (readonly [name: string, text: string])[] {
  return [...files].filter(([name]) => name.startsWith("update-")).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A state file as this release reads it. Rejects where that is not without a complaint. */
export async function loadState(text: string): Promise<AgentState> {
  const { saved, loadQuality, problems } = await new ChecksummedStateFile("/", diskWith(text)).load();
  if (saved === undefined || loadQuality !== "latest") throw new Error(problems.join("; "));
  return saved;
}

export function diskWith(stateFile: string): MemoryDisk {
  const disk = new MemoryDisk();
  disk.files.set("/state.json", Buffer.from(stateFile));
  return disk;
}
