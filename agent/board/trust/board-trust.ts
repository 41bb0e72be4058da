import { access } from "node:fs/promises";
import { join } from "node:path";
import { simulatedTrustPaths, trustPaths } from "../../config/paths.ts";
import { isAbsent } from "../../lib/errors.ts";
import type { TrustStore } from "../../trust/ports.ts";
import type { BoardTrust } from "../../update/trust-status.ts";
import { readBoardConfig } from "./board-config-file.ts";
import { readBoardNames, simulatedBoardNames } from "./board-names.ts";
import { TrustFolder, trustFileNames } from "./trust-folder.ts";

export interface BoardTrustOptions {
  readonly stateDir: string;
  readonly simulated: boolean;
  /** Loads the verifier, which throws unless the bytes are a root that its own keys have signed. */
  readonly rootChecker: () => Promise<(name: string, bytes: Uint8Array) => unknown>;
}

/**
 * Reads what this board trusts. A board without a root never loads the verifier.
 * Rejects with `board-config-invalid` and `trust-store-damaged`.
 */
export async function readBoardTrust(options: BoardTrustOptions): Promise<BoardTrust> {
  const { stateDir, simulated } = options;
  const paths = simulated ? simulatedTrustPaths(stateDir) : trustPaths;
  const config = await readBoardConfig(paths.boardConfig, ownersOf(simulated));
  const { names } = simulated ? simulatedBoardNames(config) : await readBoardNames(config);
  const { allowUnsigned, refuseStale } = config;
  const loaded = await (await openTrustStore(options))?.load();
  return { allowUnsigned, refuseStale, names, loaded };
}

/** The trust store; undefined where nothing of it is there. Only root may write to that of a real board. */
export async function openTrustStore({
  stateDir,
  simulated,
  rootChecker,
}: BoardTrustOptions): Promise<TrustStore | undefined> {
  const { store, seed } = simulated ? simulatedTrustPaths(stateDir) : trustPaths;
  const isThere = await Promise.all([seed, join(store, trustFileNames.root)].map(exists));
  if (!isThere.includes(true)) return undefined;
  const check = await rootChecker();
  const checkRoot = (root: Uint8Array): void => void check("root.json", root);
  return new TrustFolder({ folder: store, seed, checkRoot, seedOwners: ownersOf(simulated) });
}

/** Who may own the files that root obeys: root; on a simulated board also whoever runs it. */
export function ownersOf(simulated: boolean): readonly number[] {
  return simulated ? [0, process.getuid?.() ?? 0] : [0];
}

/** A file that is there and cannot be reached counts: to read it says why. */
async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (cause) {
    return !isAbsent(cause);
  }
}
