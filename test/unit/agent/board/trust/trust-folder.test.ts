import { mkdir, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { unlinkedDisk } from "../../../../../agent/board/trust/own-files.ts";
import { TrustFolder, trustFileNames } from "../../../../../agent/board/trust/trust-folder.ts";
import type { StoredMetadata } from "../../../../../agent/trust/ports.ts";
import { specialFiles } from "../../../../support/special-files.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (found: Uint8Array | undefined): string | undefined =>
  found === undefined ? undefined : Buffer.from(found).toString();

/** Stands for the signature check: a root begins with "root". */
function checkRoot(root: Uint8Array): void {
  if (!Buffer.from(root).toString().startsWith("root")) throw new Error("its signature is not valid");
}

const noRecord = { floor: 0, issued: null };

interface Board {
  readonly folder: string;
  readonly seed: string;
  readonly store: TrustFolder;
  readonly path: (name: keyof typeof trustFileNames) => string;
}

async function newBoard({ seeded = true } = {}): Promise<Board> {
  const home = await temporaryFolder();
  const [folder, seed] = [join(home, "store"), join(home, "root.json")];
  if (seeded) await writeFile(seed, "root 1", { mode: 0o644 });
  const store = new TrustFolder({ folder, seed, checkRoot, seedOwners: [0, process.getuid?.() ?? 0] });
  return { folder, seed, store, path: (name) => join(folder, trustFileNames[name]) };
}

const full: StoredMetadata = {
  root: bytes("root 2"),
  timestamp: bytes("timestamp 5"),
  snapshot: bytes("snapshot 4"),
  targets: bytes("targets 3"),
  roles: new Map([
    ["acme,gateway", bytes("role 7 \u00e9")],
    ["constructor", bytes("role 8")],
  ]),
};

describe("the trust store", () => {
  it("is none where the owner has trusted nobody", async () => {
    const { store, folder } = await newBoard({ seeded: false });
    expect(await store.load()).toBeUndefined();
    await expect(stat(folder)).rejects.toThrow("ENOENT");
  });

  it("gives back what was saved, byte for byte", async () => {
    const { store } = await newBoard();
    await store.save(full, { floor: 0, issued: "2026-01-02T03:04:05Z" });
    await store.raiseFloor(6);
    const found = await store.load();
    expect(found).toMatchObject({ record: { floor: 6, issued: "2026-01-02T03:04:05Z" }, problems: [], remade: null });
    const { root, timestamp, snapshot, targets, roles } = found?.metadata ?? full;
    expect([root, timestamp, snapshot, targets].map(textOf)).toStrictEqual([
      "root 2",
      "timestamp 5",
      "snapshot 4",
      "targets 3",
    ]);
    expect([...roles].map(([name, role]) => [name, textOf(role)])).toStrictEqual([
      ["acme,gateway", "role 7 \u00e9"],
      ["constructor", "role 8"],
    ]);
  });

  it("can be read by everybody, and written by its owner alone", async () => {
    const { store, folder } = await newBoard();
    await store.save(full, noRecord);
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o644);
  });

  it("never lowers the floor; the signed time is what was verified last", async () => {
    const { store } = await newBoard();
    await store.save(full, { floor: 6, issued: "2026-03-01T00:00:00Z" });
    await store.raiseFloor(5);
    expect((await store.load())?.record).toStrictEqual({ floor: 6, issued: "2026-03-01T00:00:00Z" });
    await store.save(full, noRecord);
    expect((await store.load())?.record).toStrictEqual({ floor: 6, issued: null });
  });

  it("writes nothing that is there already: a flash disk wears out", async () => {
    const { folder, seed, store } = await newBoard();
    await store.save(full, { floor: 0, issued: "2026-03-01T00:00:00Z" });
    await store.raiseFloor(1);
    const refusing = { ...unlinkedDisk, create: (path: string) => Promise.reject(new Error(`wrote ${path}`)) };
    const again = new TrustFolder({ folder, seed, checkRoot, disk: refusing });
    await again.save(full, { floor: 0, issued: "2026-03-01T00:00:00Z" });
    await again.raiseFloor(1);
    await expect(again.raiseFloor(2)).rejects.toThrow("wrote ");
  });

  it("promises nothing before the disk has it, also where a process was killed in the middle of the same change", async () => {
    const { folder, seed, store } = await newBoard();
    await store.save(full, noRecord);
    await store.raiseFloor(6);
    const actions: string[] = [];
    const syncFolder = async (path: string): Promise<void> => {
      actions.push(path);
      await unlinkedDisk.syncFolder(path);
    };
    const again = new TrustFolder({ folder, seed, checkRoot, disk: { ...unlinkedDisk, syncFolder } });
    await again.raiseFloor(6);
    await again.save(full, noRecord);
    expect(actions).toStrictEqual([folder, folder]);
  });

  it("begins with the seed, and says so", async () => {
    const { store, seed, path } = await newBoard();
    const found = await store.load();
    expect(textOf(found?.metadata.root)).toBe("root 1");
    expect(found?.problems).toStrictEqual([
      `The trust root was taken from ${seed}, because ${path("root")} was not there.`,
      `The floor, in ${path("record")}, is lost with its copy: it begins again at 0.`,
    ]);
  });

  it.each([
    ["flipped", "soot 2"],
    ["empty", ""],
    ["of NULs", "\0".repeat(100)],
  ])("takes the root from the seed where its own is %s; the floor stays", async (_how, content) => {
    const { store, seed, path } = await newBoard();
    await store.save(full, noRecord);
    await store.raiseFloor(6);
    await writeFile(path("root"), content);
    const found = await store.load();
    expect(textOf(found?.metadata.root)).toBe("root 1");
    expect(found?.record.floor).toBe(6);
    expect(found?.problems).toStrictEqual([
      `The trust root was taken from ${seed}, because ${path("root")} is damaged (its signature is not valid).`,
    ]);
  });

  it.each(specialFiles)("is not misled by %s", async (_what, make) => {
    const { store, path } = await newBoard();
    await store.save(full, noRecord);
    for (const name of ["root", "metadata", "record", "recordCopy"] as const) {
      await rm(path(name));
      await make(path(name));
    }
    const found = await store.load();
    expect(textOf(found?.metadata.root)).toBe("root 1");
    expect(found?.metadata.timestamp).toBeUndefined();
    expect(found?.problems).toHaveLength(5);
    expect(found?.problems.filter((problem) => /is (a|damaged)|was damaged/.test(problem))).toHaveLength(4);
  });

  it("follows no link, neither to read nor to write", async () => {
    const { store, path, folder } = await newBoard();
    await store.save(full, noRecord);
    const elsewhere = join(folder, "elsewhere");
    await writeFile(elsewhere, "root of somebody else");
    await rm(path("root"));
    await symlink(elsewhere, path("root"));
    expect(textOf((await store.load())?.metadata.root)).toBe("root 1");
    await symlink(elsewhere, `${path("root")}.new`);
    await expect(store.save({ ...full, root: bytes("root 3") }, noRecord)).rejects.toThrow("is a link, not a file");
    expect(await readFile(elsewhere, "utf8")).toBe("root of somebody else");
  });

  it("cannot be used where neither its root nor the seed can", async () => {
    const { store, path, seed } = await newBoard();
    await store.save(full, noRecord);
    await writeFile(path("root"), "");
    await writeFile(seed, "soot", { mode: 0o644 });
    await expect(store.load()).rejects.toMatchObject({
      code: "trust-store-damaged",
      message: `This board's trust root cannot be read: ${path("root")} is damaged (its signature is not valid), and ${seed} cannot be used: its signature is not valid. Give it its root again: sudo boardkeeper-agent trust add root.json`,
    });
    await rm(seed);
    await expect(store.load()).rejects.toMatchObject({ code: "trust-store-damaged" });
  });

  it.each(["record", "recordCopy"] as const)(
    "knows the floor from the other copy where %s is damaged",
    async (name) => {
      const { store, path } = await newBoard();
      await store.save(full, { floor: 0, issued: "2026-03-01T00:00:00Z" });
      await store.raiseFloor(6);
      await writeFile(path(name), (await readFile(path(name), "utf8")).replace('"floor":6', '"floor":9'));
      const found = await store.load();
      expect(found?.record).toStrictEqual({ floor: 6, issued: "2026-03-01T00:00:00Z" });
      expect(found?.problems).toStrictEqual([
        `${path(name)} was damaged (its checksum does not match).`,
        "The floor is known from its copy.",
      ]);
    },
  );

  it.each(["record", "recordCopy"] as const)(
    "goes on with the later copy where a crash left %s behind",
    async (name) => {
      const { store, path } = await newBoard();
      await store.save(full, { floor: 0, issued: "2026-03-01T00:00:00Z" });
      const before = await readFile(path(name));
      await store.save(full, { floor: 6, issued: null });
      await writeFile(path(name), before);
      const found = { record: { floor: 6, issued: null }, problems: [] };
      expect(await store.load()).toMatchObject(found);
      await rm(path(name));
      expect(await store.load()).toMatchObject(found);
      await store.raiseFloor(6); // Makes both whole again.
      await rm(path(name === "record" ? "recordCopy" : "record"));
      expect(await store.load()).toMatchObject(found);
    },
  );

  it("goes on without metadata where that is damaged, and says so", async () => {
    const { store, path } = await newBoard();
    await store.save(full, noRecord);
    await writeFile(path("metadata"), (await readFile(path("metadata"), "utf8")).replace("timestamp", "timestanp"));
    const found = await store.load();
    expect(found?.metadata).toStrictEqual({
      root: bytes("root 2"),
      timestamp: undefined,
      snapshot: undefined,
      targets: undefined,
      roles: new Map(),
    });
    expect(found?.problems).toStrictEqual([`${path("metadata")} was damaged (its checksum does not match).`]);
  });

  it("reads again where the disk fails once", async () => {
    const { folder, seed, store, path } = await newBoard();
    await store.save(full, noRecord);
    let failures = 2;
    const read = async (file: string): Promise<string> => {
      if (file !== path("root") || failures === 0) return await unlinkedDisk.read(file);
      failures -= 1;
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    };
    const found = await new TrustFolder({ folder, seed, checkRoot, disk: { ...unlinkedDisk, read } }).load();
    expect(found).toMatchObject({ problems: [] });
  });

  it("is made whole, and remembers why until an update is committed", async () => {
    const { store, path } = await newBoard();
    await store.save(full, { floor: 0, issued: "2026-03-01T00:00:00Z" });
    await store.raiseFloor(6);
    await rm(path("root"));
    const found = await store.load();
    if (found === undefined) throw new Error("The board has a seed.");
    await store.repair(found);
    const repaired = await store.load();
    expect(repaired).toMatchObject({ record: { floor: 6 }, problems: [], remade: found.problems.join(" ") });
    await store.save(full, { floor: 0, issued: "2026-03-02T00:00:00Z" });
    expect((await store.load())?.remade).toBe(found.problems.join(" "));
    await store.raiseFloor(6);
    expect((await store.load())?.remade).toBeNull();
  });

  it("is not written where there is nothing to repair", async () => {
    const { store, folder } = await newBoard();
    await store.save(full, noRecord);
    const found = await store.load();
    if (found === undefined) throw new Error("It was saved.");
    await rm(folder, { recursive: true });
    await store.repair(found);
    await expect(stat(folder)).rejects.toThrow("ENOENT");
  });

  it("forgets the former metadata for another root, and not the floor", async () => {
    const { store, path } = await newBoard();
    await store.save(full, { floor: 0, issued: "2026-03-01T00:00:00Z" });
    await store.raiseFloor(6);
    await rm(path("metadata"));
    await store.replaceRoot({ root: bytes("root of another publisher"), roles: new Map() }, null);
    const found = await store.load();
    expect(textOf(found?.metadata.root)).toBe("root of another publisher");
    expect(found).toMatchObject({
      metadata: { roles: new Map() },
      record: { floor: 6, issued: null },
      problems: [],
      remade: null,
    });
  });

  it("names what lies in the way of its folder", async () => {
    const { store, folder } = await newBoard();
    await writeFile(folder, "");
    await expect(store.save(full, noRecord)).rejects.toThrow("A file lies in its place");
    await rm(folder);
    await mkdir(folder);
    await nodeDisk.syncFolder(folder);
    await store.save(full, noRecord);
  });
});
