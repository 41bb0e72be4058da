import { metadataCacheIn } from "../../config/paths.ts";
import type { Settings } from "../../config/settings.ts";
import type { HttpSource } from "../../download/ports.ts";
import { repositorySource } from "../../download/repository-source.ts";
import type { Runtime } from "../../lib/runtime.ts";
import { BoardTrustGate, type BoardTrustGatePorts } from "../../update/board-trust-gate.ts";
import type { TrustGate } from "../../update/trust-gate.ts";
import { openTrustStore, readBoardTrust, type BoardTrustOptions } from "./board-trust.ts";
import { MetadataCache } from "./metadata-cache.ts";

/** Metadata goes out of date while nobody asks for an update, and root may change what it trusts. */
const readingMs = 3_600_000;

export interface TrustGateOptions {
  readonly runtime: Runtime;
  /** Requests metadata, with the authorities and the proxy of image servers. */
  readonly http: HttpSource;
  readonly simulated: boolean;
  readonly agentVersion: string;
}

/** The gate of this board, or of a simulated one; it has read what the board trusts. Loads the verifier only where there is a root. */
export async function createTrustGate(
  { stateDir, repository, installer }: Pick<Settings, "repository" | "installer"> & { readonly stateDir: string },
  { runtime, http, simulated, agentVersion }: TrustGateOptions,
): Promise<TrustGate> {
  const files = {
    stateDir,
    simulated,
    rootChecker: async () => (await import("../../trust/trust-root.ts")).verifyRoot,
  };
  const gate = new BoardTrustGate({
    ...runtime,
    readBoard: () => readBoardTrust(files),
    verifier: () => import("../../trust/cached-metadata.ts"),
    cache: new MetadataCache(metadataCacheIn(stateDir)),
    repository:
      repository === null ? null : { address: repository, source: repositorySource(repository, http, runtime.timer) },
    simulated,
    agentVersion,
    installer,
    ...(simulated ? { store: simulatedHelper(files) } : {}),
  });
  await gate.readStatus();
  setInterval(() => void gate.readStatus(), readingMs).unref();
  return gate;
}

/** A simulated board has no helper of root's: what was verified is kept by the agent. */
function simulatedHelper(files: BoardTrustOptions): NonNullable<BoardTrustGatePorts["store"]> {
  return {
    save: async ({ stored, record }) => {
      await (await openTrustStore(files))?.save(stored, record);
    },
    raiseFloor: async (epoch) => {
      await (await openTrustStore(files))?.raiseFloor(epoch);
    },
  };
}
