import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MetadataCache } from "../../../../../agent/board/trust/metadata-cache.ts";
import { unlinkedDisk } from "../../../../../agent/board/trust/own-files.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

async function newFolder(): Promise<string> {
  return join(await temporaryFolder(), "metadata");
}

function files(...names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  return new Map(names.map((name) => [name, Buffer.from(`signed ${name}`)]));
}

describe("the agent's cache of metadata", () => {
  it("gives back what it was given", async () => {
    const cache = new MetadataCache(await newFolder());
    expect(await cache.read("timestamp.json", 100)).toBeUndefined();
    const given = files("2.root.json", "timestamp.json", "4.snapshot.json", "3.targets.json", "9.acme,gateway.json");
    await cache.keep(given);
    for (const [name, content] of given) expect(Buffer.from((await cache.read(name, 100)) ?? [])).toEqual(content);
    expect(await cache.read("5.snapshot.json", 100)).toBeUndefined();
  });

  it("keeps what was verified last as a whole, also where its versions are lower", async () => {
    const folder = await newFolder();
    const cache = new MetadataCache(folder);
    await cache.keep(files("1.root.json", "timestamp.json", "999999.snapshot.json", "999999.acme.json"));
    const recovered = ["1.root.json", "2.root.json", "5.acme.json", "5.snapshot.json", "timestamp.json"];
    await cache.keep(files(...recovered));
    expect((await readdir(folder)).sort()).toStrictEqual(recovered);
  });

  it("has from memory what the disk refuses, as a whole, until it takes a set", async () => {
    const folder = await newFolder();
    let isFull = false;
    const cache = new MetadataCache(folder, {
      ...unlinkedDisk,
      rename: async (from, to) => {
        if (isFull) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
        await unlinkedDisk.rename(from, to);
      },
    });
    await cache.keep(files("timestamp.json", "1.snapshot.json"));
    isFull = true;
    await expect(cache.keep(files("timestamp.json", "2.snapshot.json"))).rejects.toThrow("no space");
    expect(await cache.read("2.snapshot.json", 100)).toBeDefined();
    expect(await cache.read("1.snapshot.json", 100)).toBeUndefined();
    isFull = false;
    await cache.keep(files("timestamp.json", "3.snapshot.json"));
    expect((await readdir(folder)).sort()).toStrictEqual(["3.snapshot.json", "timestamp.json"]);
  });

  it("is tidy: what else lies there goes, also what a crash has left", async () => {
    const folder = await newFolder();
    await mkdir(folder);
    await writeFile(join(folder, "timestamp.json.new"), "half");
    await writeFile(join(folder, "notes.txt"), "");
    const cache = new MetadataCache(folder);
    await cache.keep(files("timestamp.json", "../escape.json", "root.json"));
    expect(await readdir(folder)).toStrictEqual(["timestamp.json"]);
  });

  it("writes the timestamp after what it vouches for, drops the rest last, and writes nothing twice", async () => {
    const folder = await newFolder();
    const actions: string[] = [];
    const name = (path: string): string => path.slice(folder.length + 1);
    const cache = new MetadataCache(folder, {
      ...unlinkedDisk,
      rename: async (from, to) => {
        actions.push(`+${name(to)}`);
        await unlinkedDisk.rename(from, to);
      },
      remove: async (path) => {
        actions.push(`-${name(path)}`);
        await unlinkedDisk.remove(path);
      },
    });
    await cache.keep(files("timestamp.json", "1.snapshot.json", "1.acme.json"));
    await cache.keep(files("timestamp.json", "1.snapshot.json", "1.acme.json"));
    expect(actions).toStrictEqual(["+1.snapshot.json", "+1.acme.json", "+timestamp.json"]);
    actions.length = 0;
    const newer = new Map([
      ...files("2.snapshot.json", "1.acme.json"),
      ["timestamp.json", Buffer.from("newer")],
    ] as const);
    await cache.keep(newer);
    expect(actions).toStrictEqual(["+2.snapshot.json", "+timestamp.json", "-1.snapshot.json"]);
  });

  it("refuses more than a board's disk should hold, and changes nothing", async () => {
    const folder = await newFolder();
    const cache = new MetadataCache(folder);
    await cache.keep(files("timestamp.json"));
    const many = Array.from({ length: 301 }, (_, index) => `${index + 2}.root.json`);
    await expect(cache.keep(files(...many))).rejects.toMatchObject({ code: "metadata-too-large" });
    const large = new Map(many.slice(0, 40).map((name) => [name, Buffer.alloc(65_536)]));
    await expect(cache.keep(large)).rejects.toMatchObject({ code: "metadata-too-large" });
    expect(await readdir(folder)).toStrictEqual(["timestamp.json"]);
  });

  it("follows no link", async () => {
    const folder = await newFolder();
    await mkdir(folder);
    await symlink("/etc/hostname", join(folder, "timestamp.json"));
    await expect(new MetadataCache(folder).read("timestamp.json", 1_000)).rejects.toThrow("is a link");
  });
});
