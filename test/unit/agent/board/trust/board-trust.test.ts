import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { openTrustStore, readBoardTrust } from "../../../../../agent/board/trust/board-trust.ts";
import { simulatedTrustPaths } from "../../../../../agent/config/paths.ts";
import { verifyRoot } from "../../../../../agent/trust/trust-root.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { newRecord, TufRepository } from "../../../../support/tuf-repository.ts";

/* Of a simulated board: only root could write the files of a real one. */

async function setup() {
  const stateDir = await temporaryFolder();
  const paths = simulatedTrustPaths(stateDir);
  await mkdir(paths.store, { recursive: true });
  const loads: string[] = [];
  const rootChecker = async () => {
    loads.push("verifier");
    return verifyRoot;
  };
  return { paths, loads, options: { stateDir, simulated: true, rootChecker } };
}

describe("a board", () => {
  it("without a trust root has none, and loads no verifier", async () => {
    const { options, loads } = await setup();
    expect(await readBoardTrust(options)).toStrictEqual({
      allowUnsigned: false,
      refuseStale: false,
      names: ["simulated-board"],
      loaded: undefined,
    });
    expect(loads).toStrictEqual([]);
  });

  it("has the root of its seed, and what is stored later", async () => {
    const { options, paths } = await setup();
    const publisher = new TufRepository();
    await writeFile(paths.seed, publisher.file("1.root.json"));
    expect((await readBoardTrust(options)).loaded?.metadata.root).toStrictEqual(publisher.seed().root);
    await (await openTrustStore(options))?.save(publisher.stored(), newRecord);
    expect((await readBoardTrust(options)).loaded?.metadata).toStrictEqual(publisher.stored());
  });

  it("has what its owner has written into board.conf", async () => {
    const { options, paths } = await setup();
    await writeFile(paths.boardConfig, "board.compatible = acme,gateway\nupdate.refuse-stale = yes\n");
    expect(await readBoardTrust(options)).toMatchObject({ refuseStale: true, names: ["acme,gateway"] });
    await writeFile(paths.boardConfig, "update.allow-unsinged = yes\n");
    await expect(readBoardTrust(options)).rejects.toMatchObject({ code: "board-config-invalid" });
  });

  it("whose root is damaged is told apart from one that has none", async () => {
    const { options, paths } = await setup();
    await writeFile(paths.seed, "damaged");
    await expect(readBoardTrust(options)).rejects.toMatchObject({ code: "trust-store-damaged" });
  });
});
