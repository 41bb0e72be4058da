import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Script } from "node:vm";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import { agentCommand, ended, type Ended } from "../support/agent-command.ts";
import { needs, withOwnMounts } from "../support/needs.ts";
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
    for (const [name, content] of (await madeCache()).files)
      await writeFile(join(installed.folder, "code-cache", name), content);
    return installed;
  }

  async makeCache(env: Record<string, string> = {}): Promise<Ended> {
    return await ended([process.execPath, join(this.folder, "make-code-cache.cjs")], env);
  }

  /** The cache of main.cjs, which each command loads. */
  async cacheOfMain(): Promise<string> {
    const source = await readFile(join(this.folder, "agent/main.cjs"));
    return join(this.folder, "code-cache", `${sha256(source).toString("hex")}.cache`);
  }

  async command(args: readonly string[], entry = "boardkeeper-agent.mjs", flags: string[] = []): Promise<Ended> {
    return await agentCommand(args, { agent: [process.execPath, ...flags, join(this.folder, entry)] });
  }

  async finding(): Promise<Finding | undefined> {
    const state = join(this.folder, "state");
    const { out } = await this.command(["doctor", "--json", "--simulate", "--state-dir", state]);
    return (JSON.parse(out) as { findings: Finding[] }).findings.find(({ check }) => check === "code cache");
  }
}

interface Made {
  readonly ended: Ended;
  readonly files: ReadonlyMap<string, Buffer>;
  /** What was left in the folder of temporary files. */
  readonly left: readonly string[];
  /** The programs that were run. */
  readonly programs: readonly string[];
}

let made: Promise<Made> | undefined;

/** Made once for all tests, over one of another release, where there are all programs that an agent asks about its board. */
async function madeCache(): Promise<Made> {
  return await (made ??= makeOnce());
}

async function makeOnce(): Promise<Made> {
  const installed = await Installed.copy();
  const [caches, TMPDIR, programs, mark] = ["code-cache", "tmp", "programs", "mark"].map((name) =>
    join(installed.folder, name),
  ) as [string, string, string, string];
  for (const folder of [caches, TMPDIR, programs, mark]) await mkdir(folder);
  await writeFile(join(caches, "of-another-release.cache"), "");
  for (const name of ["timedatectl", "vcgencmd", "lscpu", "lsblk", "systemctl"])
    await writeFile(join(programs, name), `#!/bin/sh\n: >'${join(mark, name)}'\n`, { mode: 0o755 });
  const end = await installed.makeCache({ TMPDIR, PATH: programs, NODE_DEBUG: "child_process" });
  const names = await readdir(caches);
  return {
    ended: end,
    files: new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(caches, name))] as const))),
    left: await readdir(TMPDIR),
    programs: await readdir(mark),
  };
}

/** The source of main.cjs with another exit code for a wrong command line, and of the same length. */
function withOtherExit(source: string): string {
  const other = source.replace(/(?<=usage: ?)64/, "65");
  expect(other).not.toBe(source);
  return other;
}

const version = { status: 0, out: `${process.env["npm_package_version"] ?? "0.1.0"}\n`, err: "" };

it("without a cache the program runs", async () => {
  expect(await (await Installed.copy()).command(["--version"])).toEqual(version);
});

describe("a cache that was made", () => {
  it("holds what a start needs and nothing else, and leaves no temporary files", async () => {
    const { ended: end, files, left } = await madeCache();
    expect([end.status, end.out, left]).toEqual([0, "", []]);
    const names = [...files.keys()];
    expect(names).not.toContain("of-another-release.cache");
    const sources = await readdir("dist/agent");
    const needed = await Promise.all(
      sources
        .filter((name) => /^(main|adapters|create-agent).*\.cjs$/.test(name))
        .map(async (name) => `${sha256(await readFile(join("dist/agent", name))).toString("hex")}.cache`),
    );
    expect(needed).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(needed));
  });

  it("is a simulated board's: no program is run, and whether the clock is right is not asked", async () => {
    const { ended: end, programs } = await madeCache();
    expect(programs).toEqual([]);
    expect(end.err).toContain("CHILD_PROCESS"); // All attempts are told.
    expect(end.err).not.toContain("timedatectl");
  });

  it("is used, by either name of the program, unless V8 refuses it or it is damaged", async () => {
    const installed = await Installed.withCache();
    expect(await installed.finding()).toMatchObject({
      level: "ok",
      what: expect.stringMatching(/^used: \d\d files, \d+ KiB/) as string,
    });
    // What runs is the cache: one with the right name and checksum, made of another source of the same length, shows.
    const source = await readFile(join(installed.folder, "agent/main.cjs"), "utf8");
    const code = new Script(withOtherExit(source)).createCachedData();
    const planted = Buffer.concat([sha256(code), code]);
    await writeFile(await installed.cacheOfMain(), planted);
    for (const entry of ["boardkeeper-agent.mjs", "boardkeeper-agent.cjs"])
      expect((await installed.command(["no-such-command"], entry)).status).toBe(65);
    // By another Node.js, or one with other flags, it is not.
    expect((await installed.command(["no-such-command"], "boardkeeper-agent.cjs", ["--no-opt"])).status).toBe(64);
    // With a wrong checksum it is not, however well V8 would take it.
    const damaged = Buffer.from(planted.map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
    await writeFile(await installed.cacheOfMain(), damaged);
    expect((await installed.command(["no-such-command"])).status).toBe(64);
  });

  it("of a source that has changed since, in a byte, is not used", async () => {
    const installed = await Installed.withCache();
    const path = join(installed.folder, "agent/main.cjs");
    await writeFile(path, withOtherExit(await readFile(path, "utf8")));
    expect((await installed.command(["no-such-command"])).status).toBe(65);
  });
});

describe("a cache that cannot be made", () => {
  it.each([
    ["a full disk", "size=200k", "ENOSPC"],
    ["a read-only folder", "ro", "EROFS"],
  ])("because of %s has its reason told, and the program runs", needs("mounts"), async (_, options, reason) => {
    const installed = await Installed.copy();
    await mkdir(join(installed.folder, "code-cache"));
    const both =
      'mount -t tmpfs -o "$1" none "$2/code-cache"; "$0" "$2/make-code-cache.cjs"; "$0" "$2/boardkeeper-agent.cjs" --version';
    const script = [...withOwnMounts, "sh", "-c", both, process.execPath, options, installed.folder];
    const { status, out, err } = await ended(script);
    expect([status, out]).toEqual([0, version.out]);
    expect(err).toMatch(
      new RegExp(`^boardkeeper-agent: no code cache was made: /.*code-cache could not be written \\(${reason}: `),
    );
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
    await rm(join(installed.folder, "agent"), { recursive: true });
    expect((await installed.makeCache({ TMPDIR })).status).toBe(1);
    expect(await readdir(TMPDIR)).toEqual([]);
  });
});
