import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { packagesFolder } from "./layers.ts";

const run = promisify(execFile);

const packages = readdirSync(packagesFolder).filter((name) => name.endsWith(".deb"));

function digestOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

describe("scripts/package", () => {
  it("makes the same bytes elsewhere, for somebody in another place with other habits", async () => {
    const name = packages.find((one) => one.endsWith("_all.deb")) ?? "no package for all";
    const elsewhere = join(await temporaryFolder(), "a-place-with-a-longer-name");
    // Not all of this folder: another test may be reading dist, and what is linked changes under it.
    await run("sh", [
      "-c",
      'mkdir "$1"; cp --parents $(git ls-files) "$1"; cp -a .git "$1"; cp -al node_modules "$1"',
      "sh",
      elsewhere,
    ]);
    const habits = {
      ...process.env,
      TZ: "Pacific/Chatham",
      LANG: "de_DE.UTF-8",
      HOME: elsewhere,
      DEB_BUILD_OPTIONS: "",
    };
    await run("sh", ["-c", "umask 077; exec scripts/package all"], { cwd: elsewhere, env: habits });
    expect(digestOf(join(elsewhere, packagesFolder, name))).toBe(digestOf(join(packagesFolder, name)));
  });

  it.each(packages)("makes %s without an error of lintian's", async (name) => {
    const checked = await run("lintian", ["--fail-on", "error", "--allow-root", join(packagesFolder, name)]);
    expect(checked.stdout).toBe("");
  });
});
