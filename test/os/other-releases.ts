import { execFile } from "node:child_process";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
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

/** The same package as a release that had no path unit of this name, nor its service, and came before every other. */
export async function packageWithoutUnit(file: string, name: string): Promise<string> {
  return await packageWithVersion(file, "0.0.1-1", "# From the older package.", async (tree) => {
    const units = join(tree, "usr/lib/systemd/system");
    await Promise.all([`${name}.path`, `${name}.service`].map((unit) => rm(join(units, unit))));
    const scripts = ["postinst", "prerm", "postrm"].map((script) => join(tree, "DEBIAN", script));
    for (const path of [...scripts, join(units, "boardkeeper-agent.service")]) {
      const text = await readFile(path, "utf8");
      await writeFile(path, text.replaceAll(new RegExp(` '?${name}\\.path'?`, "g"), ""));
    }
  });
}

async function packageWithVersion(
  file: string,
  version: string,
  line: string,
  change?: (tree: string) => Promise<void>,
): Promise<string> {
  const folder = await temporaryFolder();
  const tree = join(folder, "tree");
  await run("dpkg-deb", ["--raw-extract", file, tree]);
  const control = join(tree, "DEBIAN/control");
  await writeFile(control, (await readFile(control, "utf8")).replace(/^Version: .*$/m, `Version: ${version}`));
  await appendFile(join(tree, "usr/share/doc/boardkeeper-agent/examples/agent.toml"), `\n${line}\n`);
  await change?.(tree);
  const made = join(folder, "agent.deb");
  await run("dpkg-deb", ["--root-owner-group", "-Zgzip", "-z1", "--build", tree, made]);
  return made;
}
