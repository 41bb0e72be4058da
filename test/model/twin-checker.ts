import { isDeepStrictEqual } from "node:util";
import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import type { Json, JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { Snapshot } from "../../agent/contract/snapshot.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { describeReboot } from "../../agent/reboot/reboot-snapshot.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import { isRunning } from "../../agent/update/machine.ts";
import { describeUpdate, type DownloadProgress, type UpdateDelay } from "../../agent/update/update-snapshot.ts";
import { bootIdOf, runningVersionOf } from "./board-state.ts";
import { reportedAt, type HubState } from "./hub-state.ts";
import { must, Violation } from "./observations.ts";
import type { Environment } from "./environment.ts";

/** What a snapshot holds of this run, beside the saved state. */
type RunFacts = Pick<Snapshot, "board" | "trust"> & {
  readonly agent: Omit<Snapshot["agent"], "bootId" | "problems" | "clockSynchronized">;
};

/**
 * What the twin may say during one run: in all four formats the same saved state, and none that is older than what was
 * reported last. What an earlier run has reported was on disk, so it is not newer than the state with which this one
 * begins.
 */
export class TwinChecker {
  /** The oldest state that may still be reported comes first. */
  #reportable: readonly AgentState[] = [];
  /** The versions that the agent may have read as the running one. */
  #versions: readonly (string | null)[] = [];
  #own: RunFacts | undefined;
  /** The run began with a clock that nothing had set. */
  #beganWithoutTime = false;
  #replayed: { readonly reported: JsonObject; readonly environment: Environment } | undefined;

  start(environment: Environment, loaded: AgentState | undefined, own: RunFacts): void {
    this.#own = own;
    this.#beganWithoutTime = !environment.clock.isSet;
    this.#reportable = [loaded ?? initialState(bootIdOf(environment.board))];
    this.versionMayHaveChanged(environment);
  }

  /** A state is on disk, promised to stay. */
  stateSaved(saved: AgentState): void {
    this.#reportable = [...this.#reportable, saved];
  }

  /** The board may run another version than before. */
  versionMayHaveChanged({ board }: Environment): void {
    const version = runningVersionOf(board);
    if (!this.#versions.includes(version)) this.#versions = [...this.#versions, version];
  }

  /** Whoever knows the version may not be there to be asked: the agent may say that it does not know it. */
  versionMayBeUnknown(): void {
    if (!this.#versions.includes(null)) this.#versions = [...this.#versions, null];
  }

  /**
   * The hub has received a patch of the twin.
   * @param isReplay the run repeats steps that were checked; only the last report is checked, before the next new one
   * @throws Violation unless the twin says what some saved state says, and none older than the one reported last
   */
  reported(reported: JsonObject, environment: Environment, isReplay = false): void {
    const replayed = this.#replayed;
    this.#replayed = isReplay ? { reported, environment } : undefined;
    if (isReplay) return;
    if (replayed !== undefined) this.reported(replayed.reported, replayed.environment);
    const hub = { ...environment.hub, reported };
    const problems = reportedAt(hub, "boardkeeper", "agent", "problems") ?? null;
    const isDiskBlamed = problems !== null && JSON.stringify(problems).includes("state cannot be saved");
    must(
      environment.observations.firstSavedBoot !== null || isDiskBlamed,
      "Something was reported while nothing was on disk.",
    );
    // The newest first: mostly it is that one.
    const at = this.#reportable.findLastIndex((saved) =>
      this.#versions.some((version) => isDeepStrictEqual(reported, this.#expected(saved, version, hub, environment))),
    );
    if (at < 0) throw new Violation(this.#difference(hub, environment));
    this.#reportable = this.#reportable.slice(at);
  }

  /** At the end the twin says what was saved last, and word by word what the board says of itself. */
  checkEnd(environment: Environment, { payload }: MethodReply): void {
    const { hub } = environment;
    this.#reportable = this.#reportable.slice(-1);
    this.reported(hub.reported, environment);
    must(retryIn(hub) === null, "The twin still says why a step is tried again.");
    const { Response: _sentence, link: _link, ...own } = payload;
    const isSame = isDeepStrictEqual(hub.reported["boardkeeper"], mergePatch({}, own));
    must(isSame, `The board says ${JSON.stringify(own)}, the twin ${JSON.stringify(hub.reported["boardkeeper"])}.`);
  }

  /** What the twin must say of a saved state. Only the agent knows its problems, the progress of a download, and why a step is tried again. */
  #expected(saved: AgentState, currentVersion: string | null, hub: HubState, environment: Environment): JsonObject {
    if (this.#own === undefined) throw new Error("A run that has not begun reports nothing.");
    const { update, reboot, lastProven } = saved;
    const { board } = environment;
    const problems = (reportedAt(hub, "boardkeeper", "agent", "problems") ?? null) as readonly string[] | null;
    return mergePatch(
      {},
      reportedProperties({
        ...this.#own,
        agent: {
          ...this.#own.agent,
          clockSynchronized: this.#isClockSet(hub, environment),
          bootId: bootIdOf(board),
          problems,
        },
        currentVersion,
        config: null,
        update: describeUpdate(
          saved,
          "job" in update && update.job.rehearsal ? progressIn(hub) : null,
          this.#beganWithoutTime && reportedAt(hub, "boardkeeper", "update", "waitsFor") === "clock"
            ? { kind: "clockUnknown" }
            : null,
          isRunning(update) ? retryIn(hub) : null,
        ),
        lastProvenUpdate: lastProven && {
          operationId: lastProven.operationId,
          version: lastProven.version,
          at: lastProven.at,
        },
        reboot: describeReboot(reboot),
      }),
    );
  }

  /** Only the agent knows when it last asked whether the clock is set. */
  #isClockSet(hub: HubState, { clock }: Environment): boolean {
    const saysSo = reportedAt(hub, "boardkeeper", "agent", "clockSynchronized") === true;
    return clock.isSet && (saysSo || !this.#beganWithoutTime);
  }

  /** Where the twin differs from what was saved last, for people. */
  #difference(hub: HubState, environment: Environment): string {
    const newest = this.#reportable.at(-1);
    if (newest === undefined) return "Something was reported while nothing was on disk.";
    const expected = this.#expected(newest, runningVersionOf(environment.board), hub, environment);
    const words = differences(hub.reported, expected).map(
      ([path, reported, saved]) =>
        `${path} is ${JSON.stringify(reported)}, where the saved state has ${JSON.stringify(saved)}`,
    );
    return `The twin says what no saved state says: ${words.join("; ")}.`;
  }
}

function retryIn(hub: HubState): UpdateDelay | null {
  const [code, message] = ["code", "message"].map((key) => reportedAt(hub, "boardkeeper", "update", "delay", key));
  return typeof code === "string" && typeof message === "string" ? { code, message } : null;
}

/** A dry run shows progress; a real update has none here. */
function progressIn(hub: HubState): DownloadProgress | null {
  const received = reportedAt(hub, "boardkeeper", "update", "receivedBytes");
  const total = reportedAt(hub, "boardkeeper", "update", "totalBytes");
  if (typeof received !== "number" || typeof total !== "number" || received > total) return null;
  return { receivedBytes: received, totalBytes: total };
}

/** Where two documents differ, by their paths. */
function differences(reported: Json, saved: Json, path = "reported"): [path: string, reported: Json, saved: Json][] {
  if (isDeepStrictEqual(reported, saved)) return [];
  const isObject = (value: Json): value is JsonObject =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(reported) || !isObject(saved)) return [[path, reported, saved]];
  const keys = [...new Set([...Object.keys(reported), ...Object.keys(saved)])];
  return keys.flatMap((key) => differences(reported[key] ?? null, saved[key] ?? null, `${path}.${key}`));
}
