import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
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

describe("boardkeeper repo publish", () => {
  it("signs an image that a board then finds, and the reference client, too", async () => {
    const publisher = await TestPublisher.start();
    const image = await publisher.file("system-1.2.0.img", "an image");
    const { exitCode, out, err } = await publisher.repo(
      "publish",
      image,
      "--repo",
      publisher.folder,
      "--board",
      board,
      "-o",
      "json",
    );
    expect({ exitCode, err }).toMatchObject({
      exitCode: 0,
      err: expect.stringContaining("version 1.2.0 (from its name), no archive of 8 B, installer command, epoch 0"),
    });
    const target = `${board}/system-1.2.0.img`;
    expect(JSON.parse(out)).toMatchObject({
      version: "1.2.0",
      boards: [board],
      sha256: sha256("an image"),
      size: 8,
      target,
    });
    expect(
      await readFile(join(publisher.folder, "targets", board, `${sha256("an image")}.system-1.2.0.img`), "utf8"),
    ).toBe("an image");
    expect(await publisher.board(board)).toMatchObject({
      ok: true,
      trusted: {
        rootVersion: 1,
        staleness: null,
        targets: [
          {
            path: target,
            version: "1.2.0",
            sha256: sha256("an image"),
            sizeBytes: 8,
            installer: "command",
            kind: "feature",
            options: {},
          },
        ],
      },
    });
    expect(await publisher.repo("verify", publisher.folder)).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("is in order: root 1, 1 image.\nfingerprint of root 1: "),
      err: "",
    });
  });

  it("signs all that a publisher says", async () => {
    const publisher = await TestPublisher.start();
    const image = await publisher.file("app.tar", archive);
    const sbom = await publisher.file("sbom.json", "{}");
    const options =
      `--repo ${publisher.folder} --version 2+rc1 --board ${board} --board acme,gateway-v2 --epoch 4 --kind security --min-agent 0.2.0 ` +
      `--min-previous 3 --sbom ${sbom} --option unit=app.service --option mode=a=b`;
    expect(await publisher.repo("publish", image, ...options.split(" "), "--notes", "Closes a hole.")).toMatchObject({
      exitCode: 0,
    });
    const expected = {
      version: "2+rc1",
      boards: [board, "acme,gateway-v2"],
      epoch: 4,
      kind: "security",
      minAgent: "0.2.0",
      minPrevious: 3,
      installer: "release",
      sbomSha256: sha256("{}"),
      notes: "Closes a hole.",
      options: { unit: "app.service", mode: "a=b" },
    };
    for (const name of expected.boards) {
      expect(await publisher.board(name)).toMatchObject({ ok: true, trusted: { targets: [expected] } });
    }
    // One copy on the disk.
    const [first = ""] = await readdir(join(publisher.folder, "targets", board));
    expect((await stat(join(publisher.folder, "targets", board, first))).nlink).toBe(2);
  });

  it("is done twice with the same result", async () => {
    const publisher = await TestPublisher.start();
    const first = await publisher.publish("1.0.0", board);
    const before = await readFile(join(publisher.folder, "metadata", "timestamp.json"));
    expect(await publisher.publish("1.0.0", board)).toStrictEqual(first);
    expect(await readFile(join(publisher.folder, "metadata", "timestamp.json"))).toStrictEqual(before);
  });

  it("says more of an image that is published already", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    await publisher.publish("1.0.0", board, "--epoch", "2");
    expect(await publisher.board(board)).toMatchObject({
      ok: true,
      trusted: { targets: [{ version: "1.0.0", epoch: 2 }] },
    });
  });

  it.each<[string, readonly string[], number, string]>([
    [
      "other bytes under a version that is published",
      ["other-1.0.0.img", "--board", board],
      1,
      "Version 1.0.0 for acme,gateway is published already, with other bytes",
    ],
    [
      "no version that is clear",
      ["other-1.0.0-2.0.0.img", "--board", board],
      2,
      "does not say which version it is. Name it with --version.",
    ],
    [
      "an epoch that no board could have",
      ["other.img", "--version", "2", "--board", board, "--min-previous", "3"],
      2,
      "--min-previous 3 is above the epoch 0",
    ],
    [
      "a board's name that cannot be one",
      ["other.img", "--version", "2", "--board", "Pi 4 (rev 1)"],
      2,
      "such as Pi-4-rev-1.",
    ],
    [
      "the installer release for no archive",
      ["other.img", "--version", "2", "--board", board, "--installer", "release"],
      1,
      "is no tar archive, and the installer release unpacks nothing else",
    ],
    [
      "an agent's version that is none",
      ["other.img", "--version", "2", "--board", board, "--min-agent", "new"],
      2,
      "minAgent: expected a version such as 1.2.3",
    ],
  ])("refuses %s", async (_what, [name = "", ...options], exitCode, message) => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const file = await publisher.file(name, "other bytes");
    const refused = await publisher.repo("publish", file, "--repo", publisher.folder, ...options);
    expect(refused.err.replaceAll(/\s+/g, " ")).toContain(message);
    expect(refused.exitCode).toBe(exitCode);
  });

  it("takes the only board, and the epoch of its newest image", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board, "--epoch", "3");
    const file = await publisher.file("b-2.0.0.img", "b");
    const { err } = await publisher.repo("publish", file, "--repo", publisher.folder);
    expect(err).toContain(
      "version 2.0.0 (from its name), no archive of 1 B, installer command, epoch 3, board acme,gateway",
    );
    const older = await publisher.repo(
      "publish",
      await publisher.file("c-3.0.0.img", "c"),
      "--repo",
      publisher.folder,
      "--epoch",
      "1",
    );
    expect(older).toMatchObject({ exitCode: 0, err: expect.stringContaining("Warning: epoch 1 is below 3") });
  });

  it("refuses a 51st image for a board, names the oldest, and takes the place that its retirement leaves", async () => {
    const publisher = await TestPublisher.start();
    for (let index = 1; index <= 50; index += 1) await publisher.publish(`1.0.${index}`, board);
    await expect(publisher.publish("2.0.0", board)).rejects.toThrow(
      "acme,gateway would have 51 images, and boards read at most 50. Retire one first, such as the oldest: boardkeeper repo retire 1.0.1 --board acme,gateway",
    );
    expect(await publisher.repo("retire", "1.0.1", "--repo", publisher.folder)).toMatchObject({ exitCode: 0 });
    await publisher.publish("2.0.0", board);
    const read = await publisher.board(board);
    expect(read.ok && read.trusted.targets.length).toBe(50);
  });
});

describe("boardkeeper repo retire", () => {
  it("takes a version out of every list, and its file away", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board, "--board", "other");
    await publisher.publish("1.1.0", board);
    expect(await publisher.repo("retire", "1.0.0", "--repo", publisher.folder)).toMatchObject({
      exitCode: 0,
      out: `Version 1.0.0 is retired for ${board}, other.\n`,
    });
    expect(await publisher.board(board)).toMatchObject({ ok: true, trusted: { targets: [{ version: "1.1.0" }] } });
    expect(await publisher.board("other")).toMatchObject({ ok: true, trusted: { targets: [] } });
    expect(await readdir(join(publisher.folder, "targets", "other"))).toStrictEqual([]);
    expect(await publisher.repo("verify", publisher.folder)).toMatchObject({ exitCode: 0 });
  });

  it("names the versions that there are", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const { exitCode, err } = await publisher.repo("retire", "9", "--repo", publisher.folder, "--board", board);
    expect([exitCode, err]).toStrictEqual([1, `boardkeeper: ${board} has no version 9. It has: 1.0.0.\n`]);
  });
});

describe("boardkeeper repo list", () => {
  it("lists what there is", async () => {
    const publisher = await TestPublisher.start();
    expect(await publisher.repo("list", publisher.folder)).toMatchObject({
      exitCode: 0,
      out: "Nothing is published yet.\n",
    });
    await publisher.publish("1.0.0", board);
    const { out } = await publisher.repo("list", publisher.folder);
    expect(out).toMatch(
      /^board +version +epoch +kind +installer +size +sha256\nacme,gateway +1\.0\.0 +0 +feature +command +11 +[0-9a-f]{12}…\n$/,
    );
    await rm(join(publisher.folder, "metadata"), { recursive: true });
    expect(await publisher.repo("list", publisher.folder)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("is no repository"),
    });
  });
});
