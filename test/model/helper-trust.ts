import { TrustFolder } from "../../agent/board/trust/trust-folder.ts";
import type { Disk } from "../../agent/board/fs/disk.ts";
import type { TrustGate } from "../../agent/install-helper/ports.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import type { LoadedTrust, SignedTarget } from "../../agent/trust/ports.ts";
import { targetOf } from "../support/install-helper.ts";
import { firstVersion } from "./board-state.ts";
import { digest } from "./disk-double.ts";
import { epochOf, newestMetadata, trustFolder } from "./helper-state.ts";

/*
 * What the board trusts: the real store on the simulated disk. Nothing is signed here (verification is tested by itself), and of
 * all metadata there is the timestamp alone, which holds a number.
 */

/** The versions that are signed, by the digests of their images. */
const signedVersions = new Map(
  [firstVersion, "2.0.0"].map((version) => [digest(`https://images.example/${version}`), version]),
);

export function makeTrustGate(files: Disk): TrustGate {
  const store = new TrustFolder({
    folder: trustFolder,
    seed: "/nowhere",
    checkRoot: () => undefined,
    disk: files,
  });
  const load = async (): Promise<LoadedTrust> => {
    const loaded = await store.load();
    if (loaded === undefined) throw new AgentError("trust-root-missing", "The root is gone.");
    return loaded;
  };
  const metadataIn = ({ metadata }: LoadedTrust): number => Number(Buffer.from(metadata.timestamp ?? "0").toString());
  const find = async (sha256: string): Promise<SignedTarget | undefined> => {
    const version = signedVersions.get(sha256);
    if (version === undefined) return undefined;
    const sizeBytes = `https://images.example/${version}`.length;
    return targetOf({ sha256, sizeBytes, version, operationId: "" }, epochOf(version));
  };
  return {
    hasRoot: async () => (await store.load()) !== undefined,
    refresh: async (sent) => {
      const loaded = await load();
      await store.repair(loaded);
      const [timestamp] = [...sent.values()];
      const isNewer = Number(Buffer.from(timestamp ?? "0").toString()) > metadataIn(loaded);
      await store.save(isNewer ? { ...loaded.metadata, timestamp } : loaded.metadata, loaded.record);
      return { rootVersion: 1, expires: "2036-01-01T00:00:00Z", floor: loaded.record.floor };
    },
    admit: async ({ sha256 }) => {
      const target = await find(sha256);
      const loaded = await load();
      if (target === undefined || metadataIn(loaded) < newestMetadata)
        throw new AgentError("not-signed", "Nobody has signed this.");
      if (target.epoch < loaded.record.floor) throw new AgentError("epoch-too-low", "It is below the floor.");
      return target;
    },
    find,
    currentFloor: async () => (await load()).record.floor,
    raiseFloor: async (epoch) => await store.raiseFloor(epoch),
  };
}
