import type { JsonObject } from "../../agent/contract/json.ts";
import type { Restart } from "../../agent/update/job.ts";
import { firstVersion, newBoard, powerOn, type BoardState, type Quality } from "./board-state.ts";
import { emptyDisk, flushed, type DiskState } from "./disk-state.ts";
import { stateFolder } from "./folders.ts";
import { newHub, type HubState, type Request } from "./hub-state.ts";
import { distinctCuts } from "./state-key.ts";
import { emptyLedger, excused, type Ledger } from "./observations.ts";

/** Everything there is outside the agent's memory. Immutable. */
export interface World {
  readonly disk: DiskState;
  readonly board: BoardState;
  readonly hub: HubState;
  readonly ledger: Ledger;
  /** How the image turns out to be; null until somebody has tried it. */
  readonly quality: Quality | null;
  /** Since boot. */
  readonly bootMs: number;
}

/** A story to be disturbed. */
export interface Scenario {
  readonly name: string;
  readonly restart: Restart;
  /** A simulated board accepts rehearsals. */
  readonly mode: "systemd" | "simulated";
  /** How the image may turn out to be, when a boot loader first tries it. */
  readonly qualities: readonly Quality[];
  readonly desired: JsonObject;
  readonly requests: readonly Request[];
  /** What takes the place of `desired` as soon as the twin says that the first job is fetching. */
  readonly succeeding: JsonObject | undefined;
  /** What the fault "cancel" asks for. */
  readonly cancel: Request | undefined;
  /** What the fault "new desired document" sets. */
  readonly nextDesired: JsonObject | undefined;
}

export function newWorld({ restart, desired, requests, qualities }: Scenario): World {
  const [only] = qualities;
  return {
    disk: emptyDisk(stateFolder),
    board: newBoard(restart),
    hub: newHub(desired, requests),
    ledger: emptyLedger,
    quality: qualities.length === 1 && only !== undefined ? only : null,
    bootMs: 1_000,
  };
}

/** The first new image that is tried is as it turns out to be; so is any other, but for one that comes after crashes. */
export function qualityIn({ quality }: World): (version: string) => Quality {
  return (version) => {
    const isMended = quality === "crashing" && version !== "2.0.0";
    return version === firstVersion || isMended ? "good" : (quality ?? "good");
  };
}

/** The board restarts by itself or by order: everything is written, then it boots. */
export function rebooted(world: World, scenario: Scenario): World[] {
  return booted({ ...world, disk: flushed(world.disk) }, scenario);
}

/** The power is cut: every world that may be found when it comes back. */
export function cutOff(world: World, scenario: Scenario): World[] {
  const { board } = world;
  // Without power in the middle of a trial the boot loader falls back: an end that is right, though the image is good.
  const isTrial = board.restart === "board" && (board.running !== board.default || board.trial !== null);
  const before = isTrial ? excused(world) : world;
  return distinctCuts(world.disk).flatMap((disk) => booted({ ...before, disk }, scenario));
}

function booted(world: World, { qualities }: Scenario): World[] {
  const { board } = world;
  const tried = board.trial !== null && board.slots[board.trial] !== null;
  const known = tried && world.quality === null ? qualities : [world.quality];
  return known.map((quality) =>
    Object.assign({}, world, { quality, bootMs: 1_000, board: powerOn(board, qualityIn({ ...world, quality })) }),
  );
}
