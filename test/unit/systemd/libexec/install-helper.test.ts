import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const knows = "exit 0";
const knowsNot = 'case $* in *--no-expose-wasm*) echo "bad option" >&2; exit 9;; esac';

/** Root's launcher with a Node.js that notes what it is started with. */
async function startLauncher(node = knows) {
  const root = await temporaryFolder();
  const [folder, program] = [join(root, "install"), join(root, "node")];
  await mkdir(folder);
  const installNode = async (script: string): Promise<void> => {
    await writeFile(`${program}.new`, `#!/bin/sh\necho "$*" >>${root}/starts\n${script}\n`);
    await chmod(`${program}.new`, 0o755);
    await rename(`${program}.new`, program);
  };
  await installNode(node);
  return {
    folder,
    installNode,
    /** What Node.js was started with in one session. */
    session: async (): Promise<string[]> => {
      await writeFile(join(root, "starts"), "");
      const { status, stderr } = spawnSync("systemd/libexec/install-helper", {
        env: {
          PATH: process.env["PATH"],
          BOARDKEEPER_INSTALL_FOLDER: folder,
          BOARDKEEPER_NODE: program,
          BOARDKEEPER_INSTALL_HELPER: "helper.cjs",
        },
        encoding: "utf8",
      });
      expect([status, stderr]).toStrictEqual([0, ""]);
      return (await readFile(join(root, "starts"), "utf8")).trim().split("\n");
    },
  };
}

const asked = "--no-expose-wasm --version";
const quiet = "--jitless --no-expose-wasm helper.cjs";
const plain = "--jitless helper.cjs";

describe("the launcher of root's install helper", () => {
  it.each([
    ["knows", knows, quiet],
    ["does not know", knowsNot, plain],
  ])("asks a Node.js that %s an option once", async (_what, node, started) => {
    const { session } = await startLauncher(node);
    expect(await session()).toStrictEqual([asked, started]);
    expect(await session()).toStrictEqual([started]);
  });

  it("asks again when Node.js was replaced", async () => {
    const { session, installNode } = await startLauncher(knows);
    await session();
    await installNode(knowsNot);
    expect(await session()).toStrictEqual([asked, plain]);
    expect(await session()).toStrictEqual([plain]);
  });

  it.each([
    ["empty", () => ""],
    ["cut off", (text: string) => text.slice(0, -1)],
    ["of another file", () => "--no-expose-wasm 1:2:3:4:5\n"],
    ["of no file", () => "--no-expose-wasm\n"],
  ])("asks again when the answer it has kept is %s", async (_what, damage) => {
    const { session, folder } = await startLauncher(knowsNot);
    await session();
    const kept = join(folder, "node-options");
    await writeFile(kept, damage(await readFile(kept, "utf8")));
    expect(await session()).toStrictEqual([asked, plain]);
  });

  it("starts the helper where no answer can be kept", async () => {
    const { session, folder } = await startLauncher(knows);
    await mkdir(join(folder, "node-options"));
    expect(await session()).toStrictEqual([asked, quiet]);
  });
});
