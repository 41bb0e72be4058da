import { execFile } from "node:child_process";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "../support/temporary-folder.ts";

const run = promisify(execFile);

/** What the newer package's example of an agent.toml ends with. */
export const newerLine = "# Said by the newer package.";

/** The same package as a release that comes after every other, which has other settings to tell of. */
export async function newerPackage(file: string): Promise<string> {
  const folder = await temporaryFolder();
  const tree = join(folder, "tree");
  await run("dpkg-deb", ["--raw-extract", file, tree]);
  const control = join(tree, "DEBIAN/control");
  await writeFile(control, (await readFile(control, "utf8")).replace(/^Version: .*$/m, "Version: 1:99.0-1"));
  await appendFile(join(tree, "usr/share/doc/boardkeeper-agent/examples/agent.toml"), `\n${newerLine}\n`);
  const newer = join(folder, "newer.deb");
  await run("dpkg-deb", ["--root-owner-group", "-Zgzip", "-z1", "--build", tree, newer]);
  return newer;
}
