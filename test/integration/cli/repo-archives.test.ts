import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { TestPublisher } from "../../support/signed-repository.ts";
import { tarOf } from "../../support/tar.ts";

const board = "acme,gateway";

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const archive = tarOf(
  { name: "app/", type: "5", mode: 0o755 },
  { name: "app/run", content: "#!/bin/sh\n", mode: 0o755 },
);

describe("boardkeeper repo publish, of an archive", () => {
  it.each<[string, () => Uint8Array]>([
    ["plain", () => archive],
    ["gzip", () => gzipSync(archive)],
    ["xz", () => execFileSync("xz", ["--stdout"], { input: archive })],
    ["zstd", () => execFileSync("zstd", ["--stdout", "--quiet"], { input: archive })],
  ])("signs of an archive also what it unpacks to: %s", async (_compression, packed) => {
    const publisher = await TestPublisher.start();
    const file = await publisher.file("app.tar.any", packed());
    const published = await publisher.repo(
      "publish",
      file,
      "--repo",
      publisher.folder,
      "--version",
      "1",
      "--board",
      board,
      "-o",
      "json",
    );
    expect(published).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(published.out)).toMatchObject({
      installer: "release",
      sha256: sha256(packed()),
      contentSha256: sha256(archive),
      contentSize: archive.length,
    });
    expect(await publisher.repo("verify", publisher.folder)).toMatchObject({ exitCode: 0 });
  });

  it("packs a folder, to the same bytes whenever it is packed", async () => {
    const publisher = await TestPublisher.start();
    const folder = join(publisher.home, "build");
    const long = "a".repeat(120);
    await mkdir(join(folder, "bin"), { recursive: true });
    await writeFile(join(folder, "bin", "run"), "#!/bin/sh\n");
    await chmod(join(folder, "bin", "run"), 0o700);
    await writeFile(join(folder, "ä"), "x".repeat(1_000));
    await writeFile(join(folder, long), "");
    await symlink("bin/run", join(folder, "start"));
    const publish = (version: string) =>
      publisher.repo(
        "publish",
        folder,
        "--repo",
        publisher.folder,
        "--version",
        version,
        "--board",
        board,
        "-o",
        "json",
      );
    const first = await publish("1");
    expect(first).toMatchObject({ exitCode: 0, err: expect.stringContaining("gzip, an archive of") });
    await utimes(join(folder, "bin", "run"), 1, 1);
    const second = await publish("2");
    expect(second.err).toContain("These bytes are published for acme,gateway already, as version 1");
    const { target, sha256: digest } = JSON.parse(first.out) as { target: string; sha256: string };
    expect(target).toBe(`${board}/build-1.tar.gz`);
    const file = join(publisher.folder, "targets", board, `${digest}.build-1.tar.gz`);
    const listing = execFileSync("tar", ["-tvzf", file], {
      encoding: "utf8",
      env: { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8" },
    });
    expect(listing.split("\n").map((line) => line.replaceAll(/ +/g, " "))).toStrictEqual([
      `-rw-r--r-- 0/0 0 1980-01-01 00:00 ${long}`,
      "drwxr-xr-x 0/0 0 1980-01-01 00:00 bin/",
      "-rwxr-xr-x 0/0 10 1980-01-01 00:00 bin/run",
      "lrwxrwxrwx 0/0 0 1980-01-01 00:00 start -> bin/run",
      "-rw-r--r-- 0/0 1000 1980-01-01 00:00 ä",
      "",
    ]);
    expect(await publisher.repo("verify", publisher.folder)).toMatchObject({ exitCode: 0 });
  });

  it.each<[string, Uint8Array, string]>([
    ["a set-user-ID file", tarOf({ name: "su", mode: 0o4755 }), "Boards would refuse"],
    ["an absolute path", tarOf({ name: "/etc/passwd" }), "is absolute"],
    ["a link out", tarOf({ name: "out", type: "2", target: "../../etc" }), "out of the release"],
    ["the same name twice", tarOf({ name: "a" }, { name: "a" }), "is in the archive twice"],
    ["its end cut off", archive.subarray(0, 1_024), "is cut off"],
    ["gzip that is cut off", gzipSync(archive).subarray(0, 40), "cannot be decompressed"],
    [
      "something behind its gzip",
      Buffer.concat([gzipSync(archive), Buffer.alloc(512)]),
      "Something follows the end of the gzip file",
    ],
    [
      "a large xz window",
      execFileSync("xz", ["--stdout", "--lzma2=dict=256MiB"], { input: archive }),
      "with a smaller window",
    ],
    [
      "a large zstd window",
      execFileSync("zstd", ["--stdout", "--quiet", "-1", "--long=28"], { input: archive }),
      "with a smaller window",
    ],
  ])("refuses an archive that boards would refuse: %s", async (_what, bytes, message) => {
    const publisher = await TestPublisher.start();
    const file = await publisher.file("app-1.0.0.tar", bytes);
    const { exitCode, err } = await publisher.repo("publish", file, "--repo", publisher.folder, "--board", board);
    expect(err).toContain(message);
    expect(exitCode).toBe(1);
    expect(await readdir(join(publisher.folder, "targets"))).toStrictEqual([]);
    expect((await readdir(publisher.folder)).sort()).toStrictEqual(["metadata", "targets"]);
  });

  it("leaves to an owner's own program what it can unpack", async () => {
    const publisher = await TestPublisher.start();
    const file = await publisher.file("app.tar", tarOf({ name: "su", mode: 0o4755 }));
    const args = [
      "publish",
      file,
      "--repo",
      publisher.folder,
      "--version",
      "1",
      "--board",
      board,
      "--installer",
      "command",
    ];
    expect(await publisher.repo(...args)).toMatchObject({ exitCode: 0 });
  });
});
