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
    expect([...(await cache.readAll()).keys()]).toStrictEqual([]);
    const given = files("2.root.json", "timestamp.json", "4.snapshot.json", "3.targets.json", "9.acme,gateway.json");
    await cache.keep(given, 1);
    expect(await cache.readAll()).toStrictEqual(given);
    expect(Buffer.from((await cache.read("timestamp.json", 100)) ?? []).toString()).toBe("signed timestamp.json");
    expect(await cache.read("5.snapshot.json", 100)).toBeUndefined();
  });

  it("keeps the latest of each role, and the roots that root's helper has not seen", async () => {
    const folder = await newFolder();
    const cache = new MetadataCache(folder);
    await cache.keep(files("2.root.json", "3.root.json", "timestamp.json", "9.snapshot.json", "1.acme.json"), 1);
    await cache.keep(files("4.root.json", "timestamp.json", "10.snapshot.json", "2.root-x.json", "1.root-x.json"), 2);
    expect((await readdir(folder)).sort()).toStrictEqual(
      ["1.acme.json", "10.snapshot.json", "2.root-x.json", "3.root.json", "4.root.json", "timestamp.json"].sort(),
    );
  });

  it("is tidy: what else lies there goes, also what a crash has left", async () => {
    const folder = await newFolder();
    await mkdir(folder);
    await writeFile(join(folder, "timestamp.json.new"), "half");
    await writeFile(join(folder, "notes.txt"), "");
    const cache = new MetadataCache(folder);
    await cache.keep(files("timestamp.json", "../escape.json", "root.json"), 1);
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
    await cache.keep(files("timestamp.json", "1.snapshot.json", "1.acme.json"), 1);
    await cache.keep(files("timestamp.json", "1.acme.json"), 1);
    expect(actions).toStrictEqual(["+1.snapshot.json", "+1.acme.json", "+timestamp.json"]);
    actions.length = 0;
    const newer = new Map([...files("2.snapshot.json"), ["timestamp.json", Buffer.from("newer")]] as const);
    await cache.keep(newer, 1);
    expect(actions).toStrictEqual(["+2.snapshot.json", "+timestamp.json", "-1.snapshot.json"]);
  });

  it("refuses more than a board's disk should hold, and changes nothing", async () => {
    const folder = await newFolder();
    const cache = new MetadataCache(folder);
    await cache.keep(files("timestamp.json"), 1);
    const many = Array.from({ length: 301 }, (_, index) => `${index + 2}.root.json`);
    await expect(cache.keep(files(...many), 1)).rejects.toMatchObject({ code: "metadata-too-large" });
    const large = new Map(many.slice(0, 40).map((name) => [name, Buffer.alloc(65_536)]));
    await expect(cache.keep(large, 1)).rejects.toMatchObject({ code: "metadata-too-large" });
    expect(await readdir(folder)).toStrictEqual(["timestamp.json"]);
  });

  it("follows no link", async () => {
    const folder = await newFolder();
    await mkdir(folder);
    await symlink("/etc/hostname", join(folder, "timestamp.json"));
    await expect(new MetadataCache(folder).read("timestamp.json", 1_000)).rejects.toThrow("is a link");
  });
});
