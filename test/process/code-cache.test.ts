import { createHash } from "node:crypto";
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Script } from "node:vm";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import { agentCommand, ended, type Ended } from "../support/agent-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/* The built program with a code cache. Files are named and sealed here as docs/decisions/018 says, not by the code under test. */

const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();

class Installed {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** A copy of what a package installs. */
  static async copy(): Promise<Installed> {
    const installed = new Installed(await temporaryFolder());
    for (const name of ["boardkeeper-agent.mjs", "boardkeeper-agent.cjs", "make-code-cache.cjs"])
      await cp(join("dist", name), join(installed.folder, name));
    await cp("dist/agent", join(installed.folder, "agent"), {
      recursive: true,
      filter: (path) => !path.endsWith(".map"),
    });
    return installed;
  }

  /** With a cache that was made for another copy: it does not depend on where the program lies. */
  static async withCache(): Promise<Installed> {
    const installed = await Installed.copy();
    await mkdir(join(installed.folder, "code-cache"));
    for (const [name, content] of await (made ??= makeOnce()))
      await writeFile(join(installed.folder, "code-cache", name), content);
    return installed;
  }

  async makeCache(env: Record<string, string> = {}): Promise<Ended> {
    return await ended([process.execPath, join(this.folder, "make-code-cache.cjs")], env);
  }

  async caches(): Promise<string[]> {
    return (await readdir(join(this.folder, "code-cache"))).map((name) => join(this.folder, "code-cache", name));
  }

  /** The cache of main.cjs, which each command loads. */
  async cacheOfMain(): Promise<string> {
    const source = await readFile(join(this.folder, "agent/main.cjs"));
    return join(this.folder, "code-cache", `${sha256(source).toString("hex")}.cache`);
  }

  async command(args: readonly string[], entry = "boardkeeper-agent.mjs", flags: string[] = []): Promise<Ended> {
    return await agentCommand(args, { agent: [process.execPath, ...flags, join(this.folder, entry)] });
  }

  async finding(flags: string[] = []): Promise<Finding | undefined> {
    const state = join(this.folder, "state");
    const { out } = await this.command(
      ["doctor", "--json", "--simulate", "--state-dir", state],
      "boardkeeper-agent.cjs",
      flags,
    );
    return (JSON.parse(out) as { findings: Finding[] }).findings.find(({ check }) => check === "code cache");
  }
}

/** The files of a cache, made once for all tests. */
let made: Promise<ReadonlyMap<string, Buffer>> | undefined;

async function makeOnce(): Promise<ReadonlyMap<string, Buffer>> {
  const installed = await Installed.copy();
  expect(await installed.makeCache()).toEqual({ status: 0, out: "", err: "" });
  const caches = await installed.caches();
  return new Map(await Promise.all(caches.map(async (path) => [basename(path), await readFile(path)] as const)));
}

const version = { status: 0, out: `${process.env["npm_package_version"] ?? "0.1.0"}\n`, err: "" };

it("without a cache the program runs, and doctor says so", async () => {
  const installed = await Installed.copy();
  expect(await installed.command(["--version"])).toEqual(version);
  expect(await installed.finding()).toMatchObject({
    level: "ok",
    what: expect.stringContaining("there is none") as string,
  });
});

describe("a cache that was made", () => {
  it("is used, by either name of the program", async () => {
    const installed = await Installed.withCache();
    expect(await installed.finding()).toMatchObject({
      level: "ok",
      what: expect.stringMatching(/^used: \d\d files, \d+ KiB/) as string,
    });
    // What runs is the cache: one with the right name and checksum, made of another source of the same length, shows.
    const source = await readFile(join(installed.folder, "agent/main.cjs"), "utf8");
    const code = new Script(source.replace("usage: 64", "usage: 65")).createCachedData();
    await writeFile(await installed.cacheOfMain(), Buffer.concat([sha256(code), code]));
    for (const entry of ["boardkeeper-agent.mjs", "boardkeeper-agent.cjs"])
      expect((await installed.command(["no-such-command"], entry)).status).toBe(65);
  });

  it("holds what a start needs, and is made again over an old one", async () => {
    const installed = await Installed.withCache();
    const names = (await installed.caches()).map((path) => basename(path)).sort();
    await writeFile(join(installed.folder, "code-cache/of-another-release.cache"), "");
    expect((await installed.makeCache()).status).toBe(0);
    expect((await installed.caches()).map((path) => basename(path)).sort()).toEqual(names);
    const sources = await readdir(join(installed.folder, "agent"));
    const needed = await Promise.all(
      sources
        .filter((name) => /^(main|adapters|create-agent)/.test(name))
        .map(async (name) => `${sha256(await readFile(join(installed.folder, "agent", name))).toString("hex")}.cache`),
    );
    expect(needed).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(needed));
  });

  it("of a source that has changed since, in a byte, is not used", async () => {
    const installed = await Installed.withCache();
    const path = join(installed.folder, "agent/main.cjs");
    await writeFile(path, (await readFile(path, "utf8")).replace("usage: 64", "usage: 65"));
    expect((await installed.command(["no-such-command"])).status).toBe(65);
  });

  it("that is damaged is not used, and doctor warns", async () => {
    const installed = await Installed.withCache();
    const damages: ((whole: Buffer) => Buffer)[] = [
      () => Buffer.alloc(0),
      (whole) => whole.subarray(0, whole.length >> 1),
      (whole) => Buffer.alloc(whole.length),
      (whole) => Buffer.from(whole.map((byte, at) => (at === whole.length >> 1 ? byte ^ 1 : byte))),
    ];
    for (const damaged of damages) {
      for (const [name, whole] of await (made ??= makeOnce()))
        await writeFile(join(installed.folder, "code-cache", name), damaged(whole));
      expect(await installed.command(["--version"])).toEqual(version);
    }
    expect(await installed.finding()).toMatchObject({
      level: "warning",
      what: expect.stringContaining("is damaged and not used") as string,
    });
  });

  it("that others may write to is not used, and doctor warns", async () => {
    const installed = await Installed.withCache();
    await chmod(await installed.cacheOfMain(), 0o666);
    expect(await installed.finding()).toMatchObject({
      level: "warning",
      what: expect.stringContaining("nobody else may write to it") as string,
    });
  });

  it("is not used by a Node.js with other flags for V8, and doctor says so", async () => {
    const installed = await Installed.withCache();
    expect(await installed.command(["--version"], "boardkeeper-agent.cjs", ["--no-opt"])).toEqual(version);
    expect(await installed.finding(["--no-opt"])).toMatchObject({
      level: "ok",
      what: expect.stringContaining("with other flags") as string,
    });
  });
});

describe("a cache that cannot be made", () => {
  it("has its reason told, and the program runs", async () => {
    const installed = await Installed.copy();
    await writeFile(join(installed.folder, "code-cache"), "a file in the way");
    const { status, err } = await installed.makeCache();
    expect([status, err]).toEqual([
      1,
      expect.stringMatching(/^boardkeeper-agent: no code cache was made: EEXIST: .*code-cache/),
    ]);
    expect(await installed.command(["--version"])).toEqual(version);
  });

  it("where there is no temporary folder, is no cache", async () => {
    const installed = await Installed.copy();
    const { status, err } = await installed.makeCache({ TMPDIR: "/nonexistent" });
    expect([status, err]).toEqual([1, expect.stringContaining("boardkeeper-agent: no code cache was made: ENOENT")]);
  });

  it("leaves no temporary files", async () => {
    const installed = await Installed.copy();
    const TMPDIR = join(installed.folder, "tmp");
    await mkdir(TMPDIR);
    expect((await installed.makeCache({ TMPDIR })).status).toBe(0);
    await rm(join(installed.folder, "agent"), { recursive: true });
    expect((await installed.makeCache({ TMPDIR })).status).toBe(1);
    expect(await readdir(TMPDIR)).toEqual([]);
  });
});
