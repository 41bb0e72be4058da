import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const ours = /\/(?:var\/lib|etc|run)\/boardkeeper/g;
const digest = "a5".repeat(32);
const boot = "0e2f5a53-0000-4000-8000-000000000000";

/** A board with files of the package's, on which the package's script says goodbye, in a folder of its own. */
async function boardWith(...files: readonly string[]) {
  const root = await temporaryFolder();
  const bin = join(root, "bin");
  const script = (await readFile("systemd/debian/boardkeeper-agent.postrm", "utf8")).replaceAll(ours, `${root}$&`);
  for (const path of ["bin/getent", ...files]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    // No such user, no such group.
    await writeFile(join(root, path), "#!/bin/sh\nexit 2\n", { mode: 0o755 });
  }
  const run = (word: string): string => {
    const env = { PATH: `${bin}:${process.env["PATH"]}` };
    const { status, stderr } = spawnSync("sh", ["-s", word], { input: script, env, encoding: "utf8" });
    expect(status).toBe(0);
    return stderr;
  };
  return {
    root,
    purge: () => run("purge"),
    remove: () => run("remove"),
    left: async (folder: string) => (await readdir(join(root, folder), { recursive: true })).toSorted(),
  };
}

it("takes away all that root's install helper has written", async () => {
  const replaced = ["written.json", "written.json.new", "node-options", "node-options.new"];
  const files = ["lock", ...replaced, `${digest}.image`, `${digest}.${boot}.part`, "image.new"];
  const { purge, left } = await boardWith(...files.map((name) => `var/lib/boardkeeper-install/${name}`));
  expect(purge()).toBe("");
  expect(await left("var/lib")).toStrictEqual([]);
});

it("leaves what the owner's installer has written beside it", async () => {
  const names = ["golden.image", "state/lock", `${digest}.part.bak`];
  const { purge, left } = await boardWith(...names.map((name) => `var/lib/boardkeeper-install/${name}`));
  expect(purge()).toBe("");
  expect(await left("var/lib/boardkeeper-install")).toStrictEqual([...names, "state"].toSorted());
});

it("takes away the trust store, with what a power cut has left of a change", async () => {
  const names = ["root.json", "metadata.json", "record.json", "record.copy.json"];
  const { purge, left } = await boardWith(
    ...names.flatMap((name) => [`var/lib/boardkeeper-trust/${name}`, `var/lib/boardkeeper-trust/${name}.new`]),
  );
  expect(purge()).toBe("");
  expect(await left("var/lib")).toStrictEqual([]);
});

const releaseFiles = ["trial", "trial.new", "fell-back", "fell-back.new", "proven", "proven.new", "releases/1/app"];

it("takes away releases that nothing runs from, with what a power cut has left of a change", async () => {
  const { root, purge, left } = await boardWith(...releaseFiles.map((name) => `var/lib/boardkeeper-release/${name}`));
  await symlink("releases/1", join(root, "var/lib/boardkeeper-release/current.new"));
  expect(purge()).toBe("");
  expect(await left("var/lib")).toStrictEqual([]);
});

it.each([
  ["a link", "releases/1"],
  ["a link whose release is gone", "releases/2"],
  ["the owner's folder", undefined],
])("leaves the releases where current is %s", async (_what, target) => {
  const { root, purge } = await boardWith("var/lib/boardkeeper-release/releases/1/app");
  const current = join(root, "var/lib/boardkeeper-release/current");
  await (target === undefined ? mkdir(current) : symlink(target, current));
  expect(purge()).toContain("stay, because this board's application runs from there");
  expect(existsSync(join(root, "var/lib/boardkeeper-release/releases/1/app"))).toBe(true);
});

it("takes away requests between root's helpers, and the secret", async () => {
  const { purge, left } = await boardWith(
    "run/boardkeeper/restart/request",
    "etc/boardkeeper/credentials/connection-string",
  );
  expect(purge()).toBe("");
  expect([await left("run"), await left("etc")]).toStrictEqual([[], []]);
});

it("removes nothing of a board from which the package is removed, and not purged", async () => {
  const { remove, left } = await boardWith("var/lib/boardkeeper-install/lock", "etc/boardkeeper/agent.toml");
  expect(remove()).toBe("");
  expect(await left("var/lib")).toStrictEqual(["boardkeeper-install", "boardkeeper-install/lock"]);
  expect(await left("etc")).toStrictEqual(["boardkeeper", "boardkeeper/agent.toml"]);
});
