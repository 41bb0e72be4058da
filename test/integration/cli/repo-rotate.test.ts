import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Updater } from "tuf-js";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { readContents } from "../../../service-tools/repo/contents.ts";
import { decryptKey, keyFileSchema } from "../../../service-tools/repo/key-file.ts";
import { makeSnapshot, makeTimestamp, rootKeysOf, signFile } from "../../../service-tools/repo/metadata.ts";
import { serveFolder } from "../../support/folder-server.ts";
import { passphrase, person, TestPublisher } from "../../support/signed-repository.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const board = "acme,gateway";

/** A reference client that remembers, as a board does. */
async function referenceClient(publisher: TestPublisher): Promise<(path: string) => Promise<string | undefined>> {
  const folder = await temporaryFolder();
  await copyFile(join(publisher.folder, "metadata", "1.root.json"), join(folder, "root.json"));
  const base = await serveFolder(publisher.folder);
  return async (path) => {
    const updater = new Updater({
      metadataDir: folder,
      metadataBaseUrl: `${base}/metadata`,
      targetDir: folder,
      targetBaseUrl: `${base}/targets`,
    });
    await updater.refresh();
    const target = await updater.getTargetInfo(path);
    return target === undefined
      ? undefined
      : await readFile(await updater.downloadTarget(target, join(folder, "image")), "utf8");
  };
}

/** The highest versions that a number can have, so that none comes after them. */
async function signLastVersions(publisher: TestPublisher, keyFile: string, alsoSnapshot: boolean): Promise<void> {
  const parsed = v.parse(keyFileSchema, JSON.parse(await readFile(keyFile, "utf8")));
  if (!("encrypted" in parsed)) throw new Error("The key is not in its file.");
  const signer = await decryptKey(parsed, passphrase);
  const signers = new Map([[signer.key.keyID, signer]]);
  const contents = await readContents(publisher.folder);
  const keys = rootKeysOf(contents.root);
  const now = publisher.time.now();
  const last = Number.MAX_SAFE_INTEGER;
  const listed = new Map([["targets.json", contents.targetsMeta]]);
  for (const [name, { meta }] of contents.boards) listed.set(`${name}.json`, meta);
  const snapshot = makeSnapshot(alsoSnapshot ? last : contents.snapshot.version, listed, now);
  const madeSnapshot = await signFile("The snapshot", snapshot, keys.snapshot, signers);
  const timestamp = makeTimestamp(last, madeSnapshot.meta, now, now);
  const { bytes } = await signFile("The timestamp", timestamp, keys.timestamp, signers);
  const metadata = join(publisher.folder, "metadata");
  await writeFile(join(metadata, `${snapshot.version}.snapshot.json`), madeSnapshot.bytes);
  await writeFile(join(metadata, "timestamp.json"), bytes);
}

describe("boards follow a change of keys by themselves", () => {
  it.each<[string, (publisher: TestPublisher) => Promise<unknown>]>([
    ["a new working key", (publisher) => publisher.repo("rotate", publisher.folder, "--working-key")],
    [
      "a new working key, signed by the recovery key",
      (publisher) =>
        publisher.typing(person(publisher), "rotate", publisher.folder, "--working-key", "--use-recovery-key"),
    ],
    [
      "a new recovery key",
      (publisher) =>
        publisher.repo(
          "rotate",
          publisher.folder,
          "--recovery-key",
          "--new-recovery-key-file",
          join(publisher.home, "new"),
        ),
    ],
    ["an online key", (publisher) => publisher.repo("rotate", publisher.folder, "--online-key")],
    ["a root for another ten years", (publisher) => publisher.repo("rotate", publisher.folder)],
    [
      "a revoked working key",
      (publisher) => publisher.typing(person(publisher), "revoke", "working", publisher.folder),
    ],
    [
      "a revoked recovery key",
      (publisher) =>
        publisher.repo("revoke", "recovery", publisher.folder, "--new-recovery-key-file", join(publisher.home, "new")),
    ],
  ])("%s", async (_what, change) => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const fetchTarget = await referenceClient(publisher);
    expect(await fetchTarget(`${board}/image-1.0.0.img`)).toBe("image 1.0.0");
    const before = await publisher.board(board);
    expect(await change(publisher)).toMatchObject({ exitCode: 0 });
    expect(await publisher.repo("verify", publisher.folder)).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("root 2, 1 image"),
    });
    await publisher.publish("1.1.0", board);
    expect(await publisher.board(board, before.stored)).toMatchObject({
      ok: true,
      trusted: { rootVersion: 2, targets: [{ version: "1.0.0" }, { version: "1.1.0" }] },
    });
    expect(await fetchTarget(`${board}/image-1.1.0.img`)).toBe("image 1.1.0");
  });

  it("twice in a row, and from the first root", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    for (const key of ["--working-key", "--online-key", "--working-key"]) {
      expect(await publisher.repo("rotate", publisher.folder, key)).toMatchObject({ exitCode: 0 });
    }
    expect(await publisher.board(board)).toMatchObject({
      ok: true,
      trusted: { rootVersion: 4, targets: [{ version: "1.0.0" }] },
    });
  });
});

describe("boardkeeper repo revoke", () => {
  it("leaves the stolen key nothing to sign", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const metadata = join(publisher.folder, "metadata");
    const before = await readdir(metadata);
    const stolen = join(publisher.home, "keys", `${publisher.keyId.slice(0, 16)}.json`);
    expect(
      await publisher.typing(person(publisher), "revoke", publisher.keyId.slice(0, 8), publisher.folder),
    ).toMatchObject({ exitCode: 0 });
    const made = (await readdir(metadata)).filter((name) => !before.includes(name) || name === "timestamp.json");
    expect(made.sort()).toStrictEqual([
      "2.acme,gateway.json",
      "2.root.json",
      "3.snapshot.json",
      "3.targets.json",
      "timestamp.json",
    ]);
    for (const name of made) expect(await readFile(join(metadata, name), "utf8")).not.toContain(publisher.keyId);
    const image = await publisher.file("b.img", "b");
    const args = ["publish", image, "--repo", publisher.folder, "--version", "2", "--board", board, "--key", stolen];
    expect(await publisher.repo(...args)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("does not belong to this repository any more"),
    });
  });

  it("of the online key gives its roles back to the working key", async () => {
    const publisher = await TestPublisher.start();
    await publisher.repo("rotate", publisher.folder, "--online-key");
    expect(await publisher.repo("revoke", "online", publisher.folder)).toMatchObject({ exitCode: 0 });
    const { signed } = JSON.parse(await readFile(join(publisher.folder, "metadata", "3.root.json"), "utf8")) as {
      signed: { roles: Record<string, { keyids: string[] }> };
    };
    expect(signed.roles["timestamp"]?.keyids).toStrictEqual([publisher.keyId]);
  });

  it("takes a time back that the stolen key has signed far ahead, which nothing else can", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    await publisher.repo("rotate", publisher.folder, "--online-key", "--new-key", join(publisher.home, "online.json"));
    const decadesMs = 20 * 365 * 86_400_000;
    publisher.time.stepWall(decadesMs);
    const online = ["--key", join(publisher.home, "online.json")];
    expect(await publisher.repo("refresh", publisher.folder, ...online)).toMatchObject({ exitCode: 0 });
    publisher.time.stepWall(-decadesMs);
    for (const stuck of ["refresh", "rotate"]) {
      expect(await publisher.repo(stuck, publisher.folder)).toMatchObject({
        exitCode: 1,
        err: expect.stringContaining("Replace the key that has signed the timestamp"),
      });
    }
    const before = await publisher.board(board);
    expect(await publisher.repo("revoke", "online", publisher.folder)).toMatchObject({
      exitCode: 0,
      err: expect.stringContaining("Boards forget that time with the key that is gone."),
    });
    const after = await publisher.board(board, before.stored, before.record);
    expect(after).toMatchObject({ ok: true, trusted: { targets: [{ version: "1.0.0" }] } });
    expect(Date.parse(after.record.issued ?? "")).toBeLessThanOrEqual(publisher.time.now().getTime());
    expect(await publisher.repo("refresh", publisher.folder)).toMatchObject({ exitCode: 0, err: "" });
  });

  it.each(["timestamp alone", "timestamp and snapshot"])(
    "takes a last version back that the stolen key has signed: %s",
    async (which) => {
      const publisher = await TestPublisher.start();
      await publisher.publish("1.0.0", board);
      const keyFile = join(publisher.home, "online.json");
      await publisher.repo("rotate", publisher.folder, "--online-key", "--new-key", keyFile);
      await signLastVersions(publisher, keyFile, which.endsWith("snapshot"));
      const before = await publisher.board(board);
      expect(before).toMatchObject({ ok: true });
      expect(await publisher.repo("refresh", publisher.folder)).toMatchObject({
        exitCode: 1,
        err: expect.stringContaining("Replace the key that has signed it (boardkeeper repo revoke)"),
      });
      expect(await publisher.repo("revoke", "online", publisher.folder)).toMatchObject({ exitCode: 0 });
      await publisher.publish("1.1.0", board);
      const after = await publisher.board(board, before.stored, before.record);
      expect(after).toMatchObject({ ok: true, trusted: { targets: [{ version: "1.0.0" }, { version: "1.1.0" }] } });
    },
  );

  it("names the keys that there are", async () => {
    const publisher = await TestPublisher.start();
    const { exitCode, err } = await publisher.repo("revoke", "deadbeef", publisher.folder);
    expect(exitCode).toBe(1);
    expect(err).toContain(`The root names no key deadbeef. Its keys are: working ${publisher.keyId.slice(0, 16)}`);
  });
});

describe("an online key", () => {
  it("refreshes, and can neither publish nor change the root", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const key = join(publisher.home, "online.json");
    expect(await publisher.repo("rotate", publisher.folder, "--online-key", "--new-key", key)).toMatchObject({
      exitCode: 0,
    });
    const before = await publisher.board(board);
    const online = (...args: string[]) => publisher.repo(...args, "--key", key);
    expect(await online("refresh", publisher.folder)).toMatchObject({ exitCode: 0, err: "" });
    expect(await publisher.board(board, before.stored)).toMatchObject({ ok: true });
    const image = await publisher.file("b.img", "b");
    const refused = { exitCode: 2, err: expect.stringContaining("No key of this repository is at hand") };
    expect(
      await online("publish", image, "--repo", publisher.folder, "--version", "2", "--board", board),
    ).toMatchObject(refused);
    expect(await online("rotate", publisher.folder, "--working-key")).toMatchObject(refused);
    publisher.time.stepWall(300 * 86_400_000);
    expect(await online("refresh", publisher.folder)).toMatchObject({
      exitCode: 0,
      err: expect.stringContaining("Run this again with the working key"),
    });
  });
});
