import { execFile } from "node:child_process";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "../support/temporary-folder.ts";

const run = promisify(execFile);

/** The last line of the newer package's example of an agent.toml. */
export const newerLine = "# Said by the newer package.";

/** The same package as a release that comes after every other, with another example of an agent.toml. */
export async function newerPackage(file: string): Promise<string> {
  return await packageWithVersion(file, "1:99.0-1", newerLine);
}

/** The same package as a release that comes before every other. */
export async function olderPackage(file: string): Promise<string> {
  return await packageWithVersion(file, "0.0.1-1", "# From the older package.");
}

async function packageWithVersion(file: string, version: string, line: string): Promise<string> {
  const folder = await temporaryFolder();
  const tree = join(folder, "tree");
  await run("dpkg-deb", ["--raw-extract", file, tree]);
  const control = join(tree, "DEBIAN/control");
  await writeFile(control, (await readFile(control, "utf8")).replace(/^Version: .*$/m, `Version: ${version}`));
  await appendFile(join(tree, "usr/share/doc/boardkeeper-agent/examples/agent.toml"), `\n${line}\n`);
  const made = join(folder, "agent.deb");
  await run("dpkg-deb", ["--root-owner-group", "-Zgzip", "-z1", "--build", tree, made]);
  return made;
}
