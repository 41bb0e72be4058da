import { realpathSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { probeNode, readOsId } from "../../../../../agent/board/probes/node.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

it("finds the Node.js that runs it, by its executable and not by a link to it", async () => {
  const { version, path, arch } = await probeNode();
  expect({ version: `v${version}`, path, arch }).toStrictEqual({
    version: process.version,
    path: realpathSync(process.execPath),
    arch: process.arch,
  });
});

it.each<[Readonly<Record<string, string>>, string | null]>([
  [{ "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n' }, "debian"],
  [{ "etc/os-release": 'ID="ubuntu"\nID_LIKE=debian\n' }, "ubuntu"],
  [{ "usr/lib/os-release": "ID=raspbian\n" }, "raspbian"],
  [{ "etc/os-release": "ID=raspbian\n", "usr/lib/os-release": "ID=debian\n" }, "raspbian"],
  [{ "etc/os-release": "ID_LIKE=debian\n" }, null],
  [{}, null],
])("the system's word for itself: %j", async (files, expected) => {
  const root = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  expect(await readOsId(root)).toBe(expected);
});
