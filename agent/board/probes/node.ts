import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { packageNodePath } from "../../config/paths.ts";
import type { NodeFacts } from "./facts.ts";

const run = promisify(execFile);
const timeoutMs = 5_000;

/** What runs this process. */
export async function probeNode(): Promise<NodeFacts> {
  const path = process.execPath;
  const debianVersion = path === packageNodePath ? null : await packageVersionOf(path);
  return { version: process.versions.node, path, arch: process.arch, debianVersion };
}

/** The version of the Debian package that brought a file. Null where none did, and where there is no dpkg. */
async function packageVersionOf(path: string): Promise<string | null> {
  try {
    const owner = await run("dpkg-query", ["--search", path], { timeout: timeoutMs });
    const [name = ""] = owner.stdout.split(": ");
    const version = await run("dpkg-query", ["--show", "--showformat=${Version}", name], { timeout: timeoutMs });
    return version.stdout;
  } catch {
    return null; // dpkg-query ends with 1 where it knows no such file.
  }
}
