import { readBoardConfig } from "../board/trust/board-config-file.ts";
import { readBoardNames, simulatedBoardNames, type BoardNames } from "../board/trust/board-names.ts";
import { ownersOf } from "../board/trust/board-trust.ts";
import { TrustFolder } from "../board/trust/trust-folder.ts";
import { simulatedClock, systemClock } from "../board/hardware/clocks.ts";
import { withHelperLock } from "../board/systemd/helper-lock.ts";
import type { BoardConfig } from "../config/board-config.ts";
import { installLock, simulatedTrustPaths, trustPaths, type TrustPaths } from "../config/paths.ts";
import type { WallClock } from "../lib/clock.ts";
import { verifyRoot } from "../trust/trust-root.ts";

/** What this board trusts, as its commands read and write it; root alone may write it on a real board. */
export interface TrustAccess {
  readonly isSimulated: boolean;
  readonly paths: TrustPaths;
  readonly store: TrustFolder;
  /** Who may own the files that root obeys: root; on a simulated board also this user. */
  readonly owners: readonly number[];
  readonly clock: WallClock;
  /** Rejects with `board-config-invalid`. */
  readConfig(): Promise<BoardConfig>;
  readNames(config: BoardConfig): Promise<BoardNames>;
  /** Does something while root's helper does not write the store. */
  exclusively<T>(act: () => Promise<T>): Promise<T>;
}

/** An image is copied and installed meanwhile; whoever waits longer should rather come back. */
const lockWaitSeconds = 60;

/** @param simulatedStateDir the state folder of a simulated board; undefined for this board */
export function trustAccess(simulatedStateDir?: string): TrustAccess {
  const isSimulated = simulatedStateDir !== undefined;
  const paths = isSimulated ? simulatedTrustPaths(simulatedStateDir) : trustPaths;
  const owners = ownersOf(isSimulated);
  return {
    isSimulated,
    paths,
    owners,
    store: new TrustFolder({ folder: paths.store, seed: paths.seed, seedOwners: owners, checkRoot }),
    clock: isSimulated ? simulatedClock : systemClock(),
    readConfig: () => readBoardConfig(paths.boardConfig, owners),
    readNames: async (config) => (isSimulated ? simulatedBoardNames(config) : await readBoardNames(config)),
    exclusively: async (act) => (isSimulated ? await act() : await withHelperLock(installLock, lockWaitSeconds, act)),
  };
}

function checkRoot(root: Uint8Array): void {
  verifyRoot("root.json", root);
}
