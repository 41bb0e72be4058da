import { isDeepStrictEqual } from "node:util";
import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import type { Json, JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/methods.ts";
import type { Snapshot } from "../../agent/contract/snapshot.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { describeReboot } from "../../agent/reboot/report.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import { describeUpdate, type DownloadProgress } from "../../agent/update/report.ts";
import { bootIdOf, runningVersionOf } from "./board-state.ts";
import { reportedAt, type HubState } from "./hub-state.ts";
import { must, Violation } from "./observations.ts";
import type { Environment } from "./environment.ts";

/** What a snapshot holds of this life, beside what is saved. */
type RunFacts = Pick<Snapshot, "board"> & {
  readonly agent: Omit<Snapshot["agent"], "bootId" | "problems">;
};

/**
 * What the twin may say during one life: in all four vocabularies what one saved state comes to, and of these none that is
 * older than what it was told last. What the life before has told was on disk, so the state that this one begins with is
 * not older either.
 */
export class TwinChecker {
  /** The oldest that may still be told comes first. */
  #tellable: readonly AgentState[] = [];
  /** Those that the agent may have read as the running version. */
  #versions: readonly (string | null)[] = [];
  #own: RunFacts | undefined;
  #retold: { readonly reported: JsonObject; readonly environment: Environment } | undefined;

  start(environment: Environment, loaded: AgentState | undefined, own: RunFacts): void {
    this.#own = own;
    this.#tellable = [loaded ?? initialState(bootIdOf(environment.board))];
    this.versionMayHaveChanged(environment);
  }

  /** A state is on disk, promised to stay. */
  stateSaved(saved: AgentState): void {
    this.#tellable = [...this.#tellable, saved];
  }

  /** The board may run another version than before. */
  versionMayHaveChanged({ board }: Environment): void {
    const version = runningVersionOf(board);
    if (!this.#versions.includes(version)) this.#versions = [...this.#versions, version];
  }

  /**
   * The hub has a patch of the twin.
   * @param isRetold this was looked at when it was told first: only the last of those is, before the next that is new
   * @throws Violation unless the twin says what some saved state says, and none before the one that it was told last
   */
  reported(reported: JsonObject, environment: Environment, isRetold = false): void {
    const retold = this.#retold;
    this.#retold = isRetold ? { reported, environment } : undefined;
    if (isRetold) return;
    if (retold !== undefined) this.reported(retold.reported, retold.environment);
    const hub = { ...environment.hub, reported };
    const problems = reportedAt(hub, "boardkeeper", "agent", "problems") ?? null;
    const isDiskBlamed = problems !== null && JSON.stringify(problems).includes("state cannot be saved");
    must(
      environment.observations.firstSavedBoot !== null || isDiskBlamed,
      "The twin was told something while nothing was on disk.",
    );
    // The newest first: it mostly is that one.
    const at = this.#tellable.findLastIndex((saved) =>
      this.#versions.some((version) => isDeepStrictEqual(reported, this.#said(saved, version, hub, environment))),
    );
    if (at < 0) throw new Violation(this.#difference(hub, environment));
    this.#tellable = this.#tellable.slice(at);
  }

  /** Nothing is left to be told: the twin says what was saved last, and what the board says of itself, word by word. */
  checkEnd(environment: Environment, { payload }: MethodReply): void {
    const { hub } = environment;
    this.#tellable = this.#tellable.slice(-1);
    this.reported(hub.reported, environment);
    const { Response: _sentence, link: _link, ...own } = payload;
    const isSame = isDeepStrictEqual(hub.reported["boardkeeper"], mergePatch({}, own));
    must(isSame, `The board says ${JSON.stringify(own)}, the twin ${JSON.stringify(hub.reported["boardkeeper"])}.`);
  }

  /** What the twin has to say when a state was told. The agent alone knows its problems and how far a download has come. */
  #said(saved: AgentState, currentVersion: string | null, hub: HubState, { board }: Environment): JsonObject {
    if (this.#own === undefined) throw new Error("A run that has not begun tells nothing.");
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
  #difference(hub: HubState, environment: Environment): string {
    const newest = this.#tellable.at(-1);
    if (newest === undefined) return "The twin was told something while nothing was on disk.";
    const said = this.#said(newest, runningVersionOf(environment.board), hub, environment);
    const words = differences(hub.reported, said).map(
      ([path, told, saved]) => `${path} is ${JSON.stringify(told)}, where the saved state has ${JSON.stringify(saved)}`,
    );
    return `The twin was told what no saved state says: ${words.join("; ")}.`;
  }
}

/** A rehearsal shows progress; everything else has none here. */
function progressIn(hub: HubState): DownloadProgress | null {
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
