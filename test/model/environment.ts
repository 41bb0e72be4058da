import type { JsonObject } from "../../agent/contract/json.ts";
import type { RestartKind } from "../../agent/update/job.ts";
import { firstVersion, newBoard, boot, type BoardState, type Quality } from "./board-state.ts";
import { emptyDisk, flushed, type DiskState, stateFolder } from "./disk-state.ts";
import { newHub, type HubState, type Request } from "./hub-state.ts";
import { distinctPowerCuts } from "./disk-key.ts";
import { noObservations, excuseBadEnd, type Observations } from "./observations.ts";

/** Everything there is outside the agent's memory. Immutable. */
export interface Environment {
  readonly disk: DiskState;
  readonly board: BoardState;
  readonly hub: HubState;
  readonly observations: Observations;
  /** How the image turns out to be; null until somebody has tried it. */
  readonly quality: Quality | null;
  /** Since boot. */
  readonly bootMs: number;
}

/** A story to be disturbed. */
export interface Scenario {
  readonly name: string;
  readonly restart: RestartKind;
  /** A simulated board accepts rehearsals. */
  readonly mode: "systemd" | "simulated";
  /** How the image may turn out to be, when a boot loader first tries it. */
  readonly qualities: readonly Quality[];
  readonly desired: JsonObject;
  readonly requests: readonly Request[];
  /** What takes the place of `desired` as soon as the twin says that the first job is fetching. */
  readonly supersededBy: JsonObject | undefined;
  /** What the fault "cancel" asks for. */
  readonly cancel: Request | undefined;
  /** What the fault "new desired document" sets. */
  readonly nextDesired: JsonObject | undefined;
}

export function initialEnvironment({ restart, desired, requests, qualities }: Scenario): Environment {
  const [only] = qualities;
  return {
    disk: emptyDisk(stateFolder),
    board: newBoard(restart),
    hub: newHub(desired, requests),
    observations: noObservations,
    quality: qualities.length === 1 && only !== undefined ? only : null,
    bootMs: 1_000,
  };
}

/** The first new image that is tried is as it turns out to be; so is any other, but for one that comes after crashes. */
export function qualityIn({ quality }: Environment): (version: string) => Quality {
  return (version) => {
    const isMended = quality === "crashing" && version !== "2.0.0";
    return version === firstVersion || isMended ? "good" : (quality ?? "good");
  };
}

/** The board restarts by itself or by order: everything is written, then it boots. */
export function afterReboot(environment: Environment, scenario: Scenario): Environment[] {
  return booted({ ...environment, disk: flushed(environment.disk) }, scenario);
}

/** The power is cut: every world that may be found when it comes back. */
export function afterPowerCut(environment: Environment, scenario: Scenario): Environment[] {
  const { board } = environment;
  // Without power in the middle of a trial the boot loader falls back: an end that is right, though the image is good.
  const isTrial = board.restart === "board" && (board.running !== board.default || board.trial !== null);
  const before = isTrial ? excuseBadEnd(environment) : environment;
  return distinctPowerCuts(environment.disk).flatMap((disk) => booted({ ...before, disk }, scenario));
}

function booted(environment: Environment, { qualities }: Scenario): Environment[] {
  const { board } = environment;
  const tried = board.trial !== null && board.slots[board.trial] !== null;
  const known = tried && environment.quality === null ? qualities : [environment.quality];
  return known.map((quality) =>
    Object.assign({}, environment, {
      quality,
      bootMs: 1_000,
      board: boot(board, qualityIn({ ...environment, quality })),
    }),
  );
}
