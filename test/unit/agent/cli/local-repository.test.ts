import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { collectMetadata, openRepositoryImage } from "../../../../agent/cli/local-repository.ts";
import { mapSource } from "../../../../agent/board/trust/metadata-sources.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TufRepository } from "../../../support/tuf-repository.ts";

const sha256 = "a".repeat(64);
const image = { version: "1.0.0", sha256, sizeBytes: 5, path: "acme,gateway/app.tar" };

describe("the metadata that a board needs of a repository", () => {
  const repository = new TufRepository({ boards: { "acme,gateway": ["1.0.0"], "acme,other": ["1.0.0"] } });
  repository.writeRoot({});
  repository.writeRoot({});
  repository.publish();

  it.each([
    [0, ["1.root.json", "2.root.json", "3.root.json"]],
    [2, ["3.root.json"]],
    [3, []],
  ])("after root %i is what the timestamp leads to, for its names alone", async (rootVersion, roots) => {
    const files = await collectMetadata(repository, ["acme,gateway", "acme,none"], rootVersion);
    const others = ["timestamp.json", "2.snapshot.json", "2.targets.json", "2.acme,gateway.json"];
    expect([...files.keys()]).toStrictEqual([...roots, ...others]);
    expect(files.get("2.targets.json")).toBe(repository.file("2.targets.json"));
  });

  it("may be less than all: the agent says what is missing", async () => {
    const some = new Map([...repository.files].filter(([name]) => !name.startsWith("2.snapshot")));
    expect([...(await collectMetadata(mapSource(some), ["acme,gateway"], 3)).keys()]).toStrictEqual(["timestamp.json"]);
    expect([...(await collectMetadata(mapSource(new Map()), [], 0)).keys()]).toStrictEqual([]);
  });

  it.each(["{", "[]", '"text"'])("is none where it is %s", async (text) => {
    const damaged = mapSource(new Map([["timestamp.json", Buffer.from(text)]]));
    await expect(collectMetadata(damaged, [], 0)).rejects.toThrow("timestamp.json in the repository is not metadata");
  });

  it.each([{}, { signed: { meta: { "snapshot.json": { version: "../2" } } } }, { signed: { meta: [] } }])(
    "leads nowhere where it names no version: %j",
    async (timestamp) => {
      const odd = mapSource(new Map([["timestamp.json", Buffer.from(JSON.stringify(timestamp))]]));
      expect([...(await collectMetadata(odd, [], 0)).keys()]).toStrictEqual(["timestamp.json"]);
    },
  );
});

describe("an image in a repository", () => {
  async function repositoryWith(name = `targets/acme,gateway/${sha256}.app.tar`): Promise<string> {
    const folder = await temporaryFolder();
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), "image");
    return folder;
  }

  it("is opened at its place", async () => {
    const open = await openRepositoryImage(await repositoryWith(), image);
    expect(open.sizeBytes).toBe(5);
    expect(open.path).toMatch(/^\/proc\/self\/fd\/\d+$/);
    await open.close();
  });

  it.each([
    ["is not there", async () => await temporaryFolder(), image],
    ["has a path that leads elsewhere", async () => await repositoryWith(), { ...image, path: "../app.tar" }],
    ["has no name", async () => await repositoryWith(), { ...image, path: "/app.tar" }],
    [
      "is a link",
      async () => {
        const folder = await repositoryWith("secret");
        await mkdir(join(folder, "targets", "acme,gateway"), { recursive: true });
        await symlink(join(folder, "secret"), join(folder, "targets", "acme,gateway", `${sha256}.app.tar`));
        return folder;
      },
      image,
    ],
    [
      "lies behind a link",
      async () => {
        const folder = await repositoryWith(`elsewhere/${sha256}.app.tar`);
        await mkdir(join(folder, "targets"));
        await symlink(join(folder, "elsewhere"), join(folder, "targets", "acme,gateway"));
        return folder;
      },
      image,
    ],
  ])("is refused where it %s", async (_why, folder, wanted) => {
    await expect(openRepositoryImage(await folder(), wanted)).rejects.toThrow(/^The image targets\/.* cannot be read/);
  });
});
