import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageNodePath } from "../../config/paths.ts";
import type { NodeFacts } from "./facts.ts";

const run = promisify(execFile);
const timeoutMs = 5_000;

/** What runs this process. */
export async function probeNode(): Promise<NodeFacts> {
  const path = process.execPath;
  const debianVersion = path === packageNodePath ? null : await packageVersionOf(path);
  return { version: process.versions.node, path, arch: process.arch, debianVersion, osId: await readOsId() };
}

/** ID in os-release, the system's word for itself. Null where it says none. @param root the folder above /etc and /usr */
export async function readOsId(root = "/"): Promise<string | null> {
  for (const path of ["etc/os-release", "usr/lib/os-release"]) {
    const text = await readFile(join(root, path), "utf8").catch(() => ""); // The first one that there is counts.
    if (text !== "") return /^ID=(["']?)([a-z0-9._-]+)\1$/m.exec(text)?.[2] ?? null;
  }
  return null;
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
