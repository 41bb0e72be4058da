import { join } from "node:path";
import { expect, it } from "vitest";
import { simulatedInstaller } from "../../../../../agent/board/installers/simulated.ts";
import {
  createBoard,
  powerOn,
  readBoard,
  writeBoard,
  type SimulatedBoard,
} from "../../../../../agent/board/simulator/board.ts";
import type { FileInstaller, StagedImage } from "../../../../../agent/update/ports.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const image: StagedImage = { path: "/x", version: "2.0.0", operationId: "op-1", sha256: "a".repeat(64), sizeBytes: 1 };

/** Installs version 2.0.0 beside 1.0.0 and starts it once, then does something; resolves with what every later start runs. */
async function afterwards(
  act: (installer: FileInstaller, reboot: () => Promise<void>) => Promise<void>,
): Promise<string[]> {
  const file = join(await temporaryFolder(), "board.json");
  const installer = simulatedInstaller(file, { after: () => Promise.resolve() }, 0);
  const reboot = async (): Promise<void> => {
    const before: SimulatedBoard = (await readBoard(file)) ?? createBoard("1.0.0");
    await writeBoard(file, powerOn(before, "boot", 0));
  };
  const { signal } = new AbortController();
  await reboot();
  await installer.install(image, signal);
  await installer.arm(image, signal);
  await reboot();
  await act(installer, reboot);
  const runs: string[] = [];
  for (let start = 1; start <= 2; start += 1) {
    await reboot();
    runs.push((await installer.runningVersion()) ?? "nothing");
  }
  return runs;
}

it.each<[string, string, Parameters<typeof afterwards>[0]]>([
  ["was not committed", "1.0.0", async () => undefined],
  ["was committed", "2.0.0", async (installer) => await installer.commit(image)],
  ["was gone back from", "1.0.0", async (installer) => await installer.revert(image)],
  [
    "was gone back from after it had been committed, twice",
    "1.0.0",
    async (installer, reboot) => {
      await installer.commit(image);
      await reboot();
      await installer.revert(image);
      await installer.revert(image);
    },
  ],
  [
    "was gone back from on the old system",
    "1.0.0",
    async (installer, reboot) => {
      await reboot();
      await installer.revert(image);
    },
  ],
])("a simulated board whose new system %s runs %s from then on", async (_what, version, act) => {
  expect(await afterwards(act)).toStrictEqual([version, version]);
});
