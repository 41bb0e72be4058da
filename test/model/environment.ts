import {
  firstTrustFiles,
  helperFolder,
  noHelperObservations,
  trustFolder,
  type HelperObservations,
} from "./helper-state.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { RestartKind } from "../../agent/update/job.ts";
import { firstVersion, newBoard, boot, type BoardState, type Quality } from "./board-state.ts";
import { create, emptyDisk, flushed, write, type DiskState, stateFolder } from "./disk-state.ts";
import { bootedClock, type ClockState, type Lease } from "./clock-state.ts";
import { newHub, type HubState, type Request, type DocumentChange, type TwinChange } from "./hub-state.ts";
import { distinctPowerCuts } from "./disk-key.ts";
import { noObservations, excuseBadEnd, type Observations } from "./observations.ts";

/** Everything outside the agent's memory. Immutable. */
export interface Environment {
  readonly disk: DiskState;
  readonly board: BoardState;
  readonly hub: HubState;
  readonly observations: Observations;
  /** How the image turns out; null until it was tried. */
  readonly quality: Quality | null;
  readonly clock: ClockState;
  /** Since boot. */
  readonly bootMs: number;
  /** Changes only where root's helper installs. */
  readonly helper: HelperObservations;
}

/** What is asked of a board, and what can happen meanwhile. */
export interface Scenario {
  readonly name: string;
  readonly restart: RestartKind;
  /** Root's helper installs, and its deaths are the faults; else an installer in the agent's process. */
  readonly viaHelper?: boolean;
  /** No power cut comes, and one program ends at a time: these faults are tried in more combinations at the same cost. */
  readonly powerStays?: boolean;
  /** A simulated board accepts dry runs. */
  readonly mode: "systemd" | "simulated";
  /** How the image may turn out when a boot loader first tries it. */
  readonly qualities: readonly Quality[];
  readonly desired: JsonObject;
  readonly requests: readonly Request[];
  /** Replaces `desired` as soon as the twin says that the first job downloads. */
  readonly supersededBy: JsonObject | undefined;
  /** The request of the fault "cancel". */
  readonly cancel: Request | undefined;
  /** The document of the fault "new desired document". */
  readonly nextDesired: JsonObject | undefined;
  /** How the desired document may change, and change back. */
  readonly documentChanges?: readonly DocumentChange[];
  /** What somebody else may do to the twin. */
  readonly twinChanges: readonly TwinChange[];
  /** Set where the update must begin by some time; undefined where no request has one, and the clock is always set. */
  readonly lease?: Lease;
  /** Set where the board installs signed images only; undefined where digests count. */
  readonly isSigned?: true;
}

export function initialEnvironment({ restart, viaHelper, desired, requests, qualities, lease }: Scenario): Environment {
  const [only] = qualities;
  return {
    disk: viaHelper === true ? diskWithHelper() : emptyDisk(stateFolder),
    board: newBoard(restart),
    hub: newHub(desired, requests),
    observations: noObservations,
    quality: qualities.length === 1 && only !== undefined ? only : null,
    clock: bootedClock(undefined, lease),
    bootMs: 1_000,
    helper: noHelperObservations,
  };
}

/** The disk of a board whose owner has added a trust root. */
function diskWithHelper(): DiskState {
  const folders = emptyDisk(stateFolder, helperFolder, trustFolder);
  const files = Object.entries(firstTrustFiles());
  return flushed(files.reduce((disk, [path, content]) => write(create(disk, path), path, content), folders));
}

/** The first new image has the quality that was found, and so has any other, except one that follows a crashing one. */
export function qualityIn({ quality }: Environment): (version: string) => Quality {
  return (version) => {
    const isMended = quality === "crashing" && version !== "2.0.0";
    return version === firstVersion || isMended ? "good" : (quality ?? "good");
  };
}

/** The environments after a reboot that is no power cut: everything is written, then the board boots. */
export function afterReboot(environment: Environment, scenario: Scenario): Environment[] {
  return booted({ ...environment, disk: flushed(environment.disk) }, scenario);
}

/** The environments that may be found after a power cut. */
export function afterPowerCut(environment: Environment, scenario: Scenario): Environment[] {
  const { board } = environment;
  // A power cut during a trial makes the boot loader fall back: a right end, though the image is good.
  const isTrial = board.restart === "board" && (board.running !== board.default || board.trial !== null);
  const before = isTrial ? excuseBadEnd(environment) : environment;
  return distinctPowerCuts(environment.disk).flatMap((disk) => booted({ ...before, disk }, scenario));
}

function booted(environment: Environment, { qualities, lease }: Scenario): Environment[] {
  const { board } = environment;
  const tried = board.trial !== null && board.slots[board.trial] !== null;
  const known = tried && environment.quality === null ? qualities : [environment.quality];
  return known.map((quality) =>
    Object.assign({}, environment, {
      quality,
      clock: bootedClock(environment.clock, lease),
      bootMs: 1_000,
      board: boot(board, qualityIn({ ...environment, quality })),
    }),
  );
}
