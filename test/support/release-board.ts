import { createHash } from "node:crypto";
import { mkdir, readdir, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { HelperInstaller, VerifiedFile } from "../../agent/install-helper/installers/installer.ts";
import { releaseInstaller } from "../../agent/install-helper/installers/release/release.ts";
import type { UnitState } from "../../agent/install-helper/installers/release/units.ts";
import type { AgentError } from "../../agent/lib/errors.ts";
import { tarOf } from "./tar.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

export interface ReleaseBoard {
  /** The folder of releases. */
  readonly folder: string;
  /** What the installer has written to the journal. */
  readonly journal: string[];
  /** What the units were told, in order. */
  readonly orders: string[];
  /** How the units are, and what comes of a restart and of a look into board.conf. */
  readonly state: { units: UnitState[]; restartError: AgentError | undefined; configError: AgentError | undefined };
  /** The installer, as another process of root's helper would make it. */
  readonly start: (bootId?: string) => HelperInstaller;
  /** A signed image of a release that holds its version, unless another content is given. */
  readonly imageOf: (version: string, content?: Buffer) => Promise<VerifiedFile>;
  /** Where `current` leads to. */
  readonly current: () => Promise<string>;
  /** What lies in the folder of releases. */
  readonly names: () => Promise<string[]>;
}

/** A board with a folder of releases, and units that do as they are told. */
export async function startReleaseBoard({
  unitNames = ["app.service"],
  keep = 2,
  freeBytes = 2 ** 40,
} = {}): Promise<ReleaseBoard> {
  const root = await temporaryFolder();
  const folder = join(root, "releases-of-board");
  await mkdir(folder);
  const orders: string[] = [];
  const journal: string[] = [];
  const state: ReleaseBoard["state"] = {
    units: [{ name: "app.service", state: "active", activeSeconds: 60 }],
    restartError: undefined,
    configError: undefined,
  };
  const start = (bootId = "b-1"): HelperInstaller =>
    releaseInstaller({
      folder,
      readConfig: async () => {
        if (state.configError !== undefined) throw state.configError;
        return { releaseUnits: unitNames, releaseKeep: keep };
      },
      checkedImages: new Set(),
      bootId,
      log: (_priority, text) => void journal.push(text),
      freeBytes: async () => freeBytes,
      decompress: () => {
        throw new Error("not to be asked");
      },
      units: {
        restart: async () => {
          orders.push(`restart ${await readlink(join(folder, "current"))}`);
          if (state.restartError !== undefined) throw state.restartError;
        },
        stop: async () => void orders.push("stop"),
        states: async () => state.units,
      },
    });
  let images = 0;
  const imageOf = async (
    version: string,
    content = tarOf({ name: "VERSION", content: version }),
  ): Promise<VerifiedFile> => {
    const bytes = gzipSync(content);
    images += 1;
    const path = join(root, `image-${images}`);
    await writeFile(path, bytes);
    const name = { path: `board/${version}`, sha256: sha256(bytes), sizeBytes: bytes.length, version };
    const words = { epoch: 0, kind: "feature", installer: "release", options: {} } as const;
    const target = {
      ...name,
      ...words,
      boards: ["board"],
      contentSha256: sha256(content),
      contentSize: content.length,
    };
    return { path, sha256: name.sha256, sizeBytes: bytes.length, version, operationId: `op-${images}`, target };
  };
  const current = (): Promise<string> => readlink(join(folder, "current")).catch(() => "none");
  const names = async (): Promise<string[]> => (await readdir(join(folder, "releases"))).toSorted();
  return { folder, orders, journal, state, start, imageOf, current, names };
}
