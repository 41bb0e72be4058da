import { isDeepStrictEqual } from "node:util";
import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import type { Json, JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/methods.ts";
import type { Snapshot } from "../../agent/contract/snapshot.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { describeReboot } from "../../agent/reboot/report.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import { describeUpdate, type Progress } from "../../agent/update/report.ts";
import { bootIdOf, runningVersionOf } from "./board-state.ts";
import { reportedAt, type HubState } from "./hub-state.ts";
import { must, Violation } from "./violation.ts";
import type { World } from "./environment.ts";

/** What a snapshot holds of this life, beside what is saved. */
type Own = Pick<Snapshot, "board"> & {
  readonly agent: Omit<Snapshot["agent"], "bootId" | "problems">;
};

/**
 * What the twin may say during one life: in all four vocabularies what one saved state comes to, and of these none that is
 * older than what it was told last. What the life before has told was on disk, so the state that this one begins with is
 * not older either.
 */
export class TwinWitness {
  /** The oldest that may still be told comes first. */
  #tellable: readonly AgentState[] = [];
  /** Those that the agent may have read as the running version. */
  #versions: readonly (string | null)[] = [];
  #own: Own | undefined;
  #retold: { readonly reported: JsonObject; readonly world: World } | undefined;

  begins(world: World, loaded: AgentState | undefined, own: Own): void {
    this.#own = own;
    this.#tellable = [loaded ?? initialState(bootIdOf(world.board))];
    this.ran(world);
  }

  /** A state is on disk, promised to stay. */
  saved(saved: AgentState): void {
    this.#tellable = [...this.#tellable, saved];
  }

  /** The board may run another version than before. */
  ran({ board }: World): void {
    const version = runningVersionOf(board);
    if (!this.#versions.includes(version)) this.#versions = [...this.#versions, version];
  }

  /**
   * The hub has a patch of the twin.
   * @param isRetold this was looked at when it was told first: only the last of those is, before the next that is new
   * @throws Violation unless the twin says what some saved state says, and none before the one that it was told last
   */
  told(reported: JsonObject, world: World, isRetold = false): void {
    const retold = this.#retold;
    this.#retold = isRetold ? { reported, world } : undefined;
    if (isRetold) return;
    if (retold !== undefined) this.told(retold.reported, retold.world);
    const hub = { ...world.hub, reported };
    const problems = reportedAt(hub, "boardkeeper", "agent", "problems") ?? null;
    const isDiskBlamed = problems !== null && JSON.stringify(problems).includes("state cannot be saved");
    must(world.ledger.firstBoot !== null || isDiskBlamed, "The twin was told something while nothing was on disk.");
    // The newest first: it mostly is that one.
    const at = this.#tellable.findLastIndex((saved) =>
      this.#versions.some((version) => isDeepStrictEqual(reported, this.#said(saved, version, hub, world))),
    );
    if (at < 0) throw new Violation(this.#difference(hub, world));
    this.#tellable = this.#tellable.slice(at);
  }

  /** Nothing is left to be told: the twin says what was saved last, and what the board says of itself, word by word. */
  checkEnd(world: World, { payload }: MethodReply): void {
    const { hub } = world;
    this.#tellable = this.#tellable.slice(-1);
    this.told(hub.reported, world);
    const { Response: _sentence, link: _link, ...own } = payload;
    const isSame = isDeepStrictEqual(hub.reported["boardkeeper"], mergePatch({}, own));
    must(isSame, `The board says ${JSON.stringify(own)}, the twin ${JSON.stringify(hub.reported["boardkeeper"])}.`);
  }

  /** What the twin has to say when a state was told. The agent alone knows its problems and how far a download has come. */
  #said(saved: AgentState, currentVersion: string | null, hub: HubState, { board }: World): JsonObject {
    if (this.#own === undefined) throw new Error("A life that has not begun tells nothing.");
    const { update, reboot, lastProven } = saved;
    const problems = (reportedAt(hub, "boardkeeper", "agent", "problems") ?? null) as readonly string[] | null;
    return mergePatch(
      {},
      reportedProperties({
        ...this.#own,
        agent: { ...this.#own.agent, bootId: bootIdOf(board), problems },
        currentVersion,
        config: null,
        update: describeUpdate(saved, "job" in update && update.job.rehearsal ? progressIn(hub) : null),
        lastProvenUpdate: lastProven && {
          operationId: lastProven.operationId,
          version: lastProven.version,
          at: lastProven.at,
        },
        reboot: describeReboot(reboot),
      }),
    );
  }

  /** Says where the twin differs from what was saved last. */
  #difference(hub: HubState, world: World): string {
    const newest = this.#tellable.at(-1);
    if (newest === undefined) return "The twin was told something while nothing was on disk.";
    const said = this.#said(newest, runningVersionOf(world.board), hub, world);
    const words = differences(hub.reported, said).map(
      ([path, told, saved]) => `${path} is ${JSON.stringify(told)}, where the saved state has ${JSON.stringify(saved)}`,
    );
    return `The twin was told what no saved state says: ${words.join("; ")}.`;
  }
}

/** A rehearsal shows progress; everything else has none here. */
function progressIn(hub: HubState): Progress | null {
  const received = reportedAt(hub, "boardkeeper", "update", "receivedBytes");
  const total = reportedAt(hub, "boardkeeper", "update", "totalBytes");
  if (typeof received !== "number" || typeof total !== "number" || received > total) return null;
  return { receivedBytes: received, totalBytes: total };
}

/** Where two documents differ, by their paths. */
function differences(told: Json, saved: Json, path = "reported"): [path: string, told: Json, saved: Json][] {
  if (isDeepStrictEqual(told, saved)) return [];
  const isObject = (value: Json): value is JsonObject =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(told) || !isObject(saved)) return [[path, told, saved]];
  const keys = [...new Set([...Object.keys(told), ...Object.keys(saved)])];
  return keys.flatMap((key) => differences(told[key] ?? null, saved[key] ?? null, `${path}.${key}`));
}
