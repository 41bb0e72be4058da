import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { agentCommand } from "../support/agent-command.ts";
import { testHub } from "../support/local-hub.ts";
import { boardProcess } from "../support/processes.ts";
import { ServiceApp } from "../support/service-app.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { targetEntry, TufRepository } from "../support/tuf-repository.ts";

/* A person at a board, with a stick: trust, then images without hub and network. */

/** Writes a repository as it lies on a stick. Its images are the bytes that `targetEntry` signs. */
async function writeStick(repository: TufRepository, versions: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  const write = async (name: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  };
  for (const [name, bytes] of repository.files) await write(`metadata/${name}`, bytes);
  for (const version of versions) {
    const [path, { hashes }] = targetEntry("simulated-board", version);
    const { sha256 } = hashes as { sha256: string };
    await write(`targets/simulated-board/${sha256}.${path.split("/")[1] ?? ""}`, Buffer.from(`image ${version}`));
  }
  return folder;
}

it("a board that trusts a publisher installs his images from a stick, and no others", async () => {
  const hub = await testHub();
  const board = await boardProcess(hub);
  await board.start().line({ msg: "connected to the hub" });
  const where = ["--simulate", "--state-dir", join(board.folder, "state")];
  const repository = new TufRepository({ boards: { "simulated-board": ["2.0.0", "3.0.0"] }, now: new Date() });
  const stick = await writeStick(repository, ["2.0.0", "3.0.0"]);
  const root = join(stick, "metadata", "1.root.json");

  const early = await agentCommand(["install", "--repository", stick, "--firmware-version", "2.0.0", ...where]);
  expect(early).toMatchObject({ status: 1 });
  expect(early.err).toContain("The agent refused the repository (trust-root-missing)");

  const silent = await agentCommand(["trust", "add", root, ...where]);
  expect(silent).toMatchObject({ status: 1, out: "" });
  const fingerprint = /^Fingerprint {2}(\w{64})$/m.exec(silent.err)?.[1] ?? "";
  expect(silent.err).toContain("Nobody can be asked here");
  expect(await agentCommand(["trust", "add", root, "--fingerprint", fingerprint, ...where])).toMatchObject({
    status: 0,
    out: "",
  });

  await new ServiceApp(hub).untilReported("boardkeeper.trust.rootVersion", 1); // The running agent reads it at once.

  const done = await agentCommand(["install", "--repository", stick, "--firmware-version", "2.0.0", ...where]);
  expect(done).toMatchObject({ status: 0, out: "This board runs 2.0.0, proven healthy after the update.\n" });
  expect(done.err).toContain(`Uploading ${stick}/targets/simulated-board/`);
  const shown = await agentCommand(["trust", "show", ...where]);
  expect(shown.out).toMatch(/^Metadata +up to date\nImages +2\.0\.0, epoch 0, feature/m);
  expect(shown.out).toContain(fingerprint);

  const file = join(await temporaryFolder(), "three.img");
  await writeFile(file, "image 3.0.0");
  const fromFile = await agentCommand(["install", file, "--repository", stick, ...where]);
  expect(fromFile).toMatchObject({ status: 0, out: "This board runs 3.0.0, proven healthy after the update.\n" });

  await writeFile(file, "image of somebody else");
  const unsigned = await agentCommand(["install", file, "--repository", stick, ...where]);
  expect(unsigned).toMatchObject({ status: 1 });
  expect(unsigned.err).toContain("is not signed for this board. The repository has for this board: 2.0.0, 3.0.0.");
  const absent = await agentCommand(["install", "--repository", stick, "--firmware-version", "9.0.0", ...where]);
  expect(absent.err).toContain("Nothing was installed: version 9.0.0 is not signed for this board.");

  await rm(join(stick, "metadata", "timestamp.json"));
  const cut = await agentCommand(["install", "--repository", stick, "--firmware-version", "2.0.0", ...where]);
  expect(cut.err).toContain("is not a repository: it has no metadata/timestamp.json");
  const none = await agentCommand(["install", "--repository", stick, ...where]);
  expect(none).toMatchObject({ status: 64 });
  expect(none.err).toContain("Say which image: FILE, --firmware-version, or --sha256.");
});
