import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyRoot } from "../../../agent/trust/trust-root.ts";
import { serveFolder } from "../../support/folder-server.ts";
import { TestPublisher } from "../../support/signed-repository.ts";

const board = "acme,gateway";

/** Changes the text of a metadata file. */
async function edit(publisher: TestPublisher, name: string, change: (text: string) => string): Promise<void> {
  const path = join(publisher.folder, "metadata", name);
  await writeFile(path, change(await readFile(path, "utf8")));
}

async function imagePath(publisher: TestPublisher): Promise<string> {
  const folder = join(publisher.folder, "targets", board);
  const [name = ""] = await readdir(folder);
  return join(folder, name);
}

describe("boardkeeper repo verify", () => {
  it("looks at a repository on a web server", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const url = await serveFolder(publisher.folder);
    const root = await readFile(join(publisher.folder, "metadata", "1.root.json"));
    const { exitCode, out } = await publisher.repo("verify", url, "-o", "json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      rootVersion: 1,
      fingerprint: verifyRoot("1.root.json", root).fingerprint,
      images: 1,
      warnings: [],
    });
    expect(await publisher.repo("verify", `${url}/elsewhere`)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("is no repository"),
    });
  });

  it("begins with the root that boards have", async () => {
    const [publisher, other] = [await TestPublisher.start(), await TestPublisher.start()];
    const root = join(other.folder, "metadata", "1.root.json");
    expect(await publisher.repo("verify", publisher.folder, "--root", root)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("TUF's reference client refuses the repository"),
    });
  });

  it.each<[string, (publisher: TestPublisher) => Promise<void>, string]>([
    [
      "an image with other bytes",
      async (publisher) => writeFile(await imagePath(publisher), "image 1.0.1"),
      "holds other bytes than were signed",
    ],
    ["an image that is missing", async (publisher) => rm(await imagePath(publisher)), "is missing."],
    [
      "a changed list",
      (publisher) => edit(publisher, "1.acme,gateway.json", (text) => text.replace("1.0.0", "1.0.1")),
      "1.acme,gateway.json is not the file that the snapshot lists",
    ],
    [
      "a changed timestamp",
      (publisher) =>
        edit(publisher, "timestamp.json", (text) => text.replace('"version":2,"expires', '"version":3,"expires')),
      "timestamp.json is not signed by the keys of its role",
    ],
    [
      "an older timestamp's snapshot",
      (publisher) => rm(join(publisher.folder, "metadata", "2.snapshot.json")),
      "metadata/2.snapshot.json is missing",
    ],
    [
      "a list that is cut off",
      (publisher) => edit(publisher, "2.targets.json", (text) => text.slice(0, 100)),
      "2.targets.json is not the file",
    ],
    ["no root", (publisher) => rm(join(publisher.folder, "metadata", "1.root.json")), "is no repository"],
    [
      "a root that nobody has signed",
      (publisher) =>
        edit(publisher, "1.root.json", (text) =>
          text.replace('"consistent_snapshot":true', '"consistent_snapshot":false'),
        ),
      "1.root.json is not signed by the keys of its role",
    ],
    [
      "a timestamp that never ends",
      (publisher) => writeFile(join(publisher.folder, "metadata", "timestamp.json"), " ".repeat(70_000)),
      "has more than 65536 bytes",
    ],
  ])("refuses %s", async (_what, damage, message) => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    await damage(publisher);
    const { exitCode, err } = await publisher.repo("verify", publisher.folder);
    expect([exitCode, err]).toStrictEqual([1, expect.stringContaining(message)]);
  });

  it("reads no image where only the metadata is asked for", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    await rm(join(publisher.folder, "targets"), { recursive: true });
    expect(await publisher.repo("verify", publisher.folder, "--metadata-only")).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("images not read"),
    });
  });

  it("warns of what will expire, with its date", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    publisher.time.stepWall(350 * 86_400_000);
    const { err } = await publisher.repo("verify", publisher.folder);
    expect(err).toMatch(
      /Warning: timestamp expires at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, in 1[56] days\. Renew it with: boardkeeper repo refresh/,
    );
    expect(await publisher.repo("refresh", publisher.folder)).toMatchObject({ exitCode: 0 });
    expect(await publisher.repo("verify", publisher.folder)).toMatchObject({ err: "" });
  });
});

describe("a folder that somebody else has written to gets no signature", () => {
  it.each<[string, (publisher: TestPublisher) => Promise<void>, string]>([
    [
      "with a changed list",
      (publisher) => edit(publisher, "1.acme,gateway.json", (text) => text.replace("1.0.0", "1.0.1")),
      "is not the file that the snapshot lists",
    ],
    [
      "with an older state behind a newer timestamp",
      (publisher) => rm(join(publisher.folder, "metadata", "1.acme,gateway.json")),
      "is missing",
    ],
  ])("%s", async (_what, damage, message) => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    await damage(publisher);
    const before = await readFile(join(publisher.folder, "metadata", "timestamp.json"));
    expect(await publisher.repo("refresh", publisher.folder)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining(message),
    });
    await expect(publisher.publish("1.1.0", board)).rejects.toThrow(message);
    expect(await readFile(join(publisher.folder, "metadata", "timestamp.json"))).toStrictEqual(before);
  });

  it("with a repository of the thief that lists the publisher's key beside his own", async () => {
    const [publisher, thief] = [await TestPublisher.start(), await TestPublisher.start()];
    await thief.publish("6.6.6", board);
    await rm(publisher.folder, { recursive: true });
    await cp(thief.folder, publisher.folder, { recursive: true });
    // His root may name any key. What binds a key to its repository is in the key's file.
    const key = join(publisher.home, "keys", `${publisher.keyId.slice(0, 16)}.json`);
    expect(await publisher.repo("refresh", publisher.folder, "--key", key)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("is for another repository. Nothing was signed."),
    });
  });
});

describe("the publisher's clock", () => {
  it("may be a day behind, and then repeats the last time", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const first = await publisher.board(board);
    publisher.time.stepWall(-3_600_000);
    await publisher.publish("1.1.0", board);
    expect((await publisher.board(board)).record.issued).toBe(first.record.issued);
  });

  it("further behind, signs nothing", async () => {
    const publisher = await TestPublisher.start();
    publisher.time.stepWall(-30 * 86_400_000);
    await expect(publisher.publish("1.0.0", board)).rejects.toThrow(
      /This machine's clock says .* Set the clock; then try again\./,
    );
  });
});
