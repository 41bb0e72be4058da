import { createHash } from "node:crypto";
import { lstat, readFile, readdir, readlink, stat, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Decompress } from "../../../../../agent/install-helper/archive/content.ts";
import {
  checkArchive,
  sealFolders,
  unpackArchive,
  type Archive,
} from "../../../../../agent/install-helper/archive/unpack.ts";
import { tarEntry, tarOf } from "../../../../support/tar.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const never = new AbortController().signal;
const noProgram: Decompress = () => {
  throw new Error("not to be asked");
};

interface Given {
  /** The content that the publisher has signed; what is packed unless given. Null: nobody has signed. */
  readonly signed?: Buffer | null;
  readonly maxBytes?: number;
  readonly decompress?: Decompress;
}

async function archiveOf(bytes: Buffer, { signed = bytes, maxBytes = 1_000_000, decompress = noProgram }: Given = {}) {
  const folder = await temporaryFolder();
  const path = join(folder, "image");
  await writeFile(path, bytes);
  const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");
  const target = signed === null ? undefined : { sizeBytes: signed.length, sha256: sha256(signed) };
  const archive: Archive = { path, limits: { maxBytes, signed: target }, decompress };
  return { archive, place: join(folder, "unpacked") };
}

const release = tarOf(
  { name: "./", type: "5", mode: 0o700 },
  { name: "./bin/", type: "5", mode: 0o700 },
  { name: "./bin/app", content: "#!/bin/sh\n".repeat(1_000), mode: 0o700 },
  { name: "./bin/same", type: "1", target: "./bin/app" },
  { name: "./data/deep/words.txt", content: "word", mode: 0o666 },
  { name: "./empty", content: "", mode: 0o600 },
  { name: "./run", type: "2", target: "bin/app", mode: 0o777 },
);
const modeOf = async (path: string) => ((await lstat(path)).mode & 0o7777).toString(8);

describe("an archive", () => {
  it.each([
    ["plain", release],
    ["gzip", gzipSync(release)],
    ["gzip in two parts", Buffer.concat([gzipSync(release.subarray(0, 700)), gzipSync(release.subarray(700))])],
  ])("is unpacked: %s", async (_what, bytes) => {
    const { archive, place } = await archiveOf(bytes, { signed: release });
    const size = await checkArchive(archive, never);
    expect(size).toStrictEqual({ entries: 7, diskBytes: 4_096 * (7 + 3 + 1) });
    expect(existsSync(place)).toBe(false);
    await sealFolders(await unpackArchive(archive, place, never));

    expect((await readdir(place, { recursive: true })).toSorted()).toStrictEqual(
      ["bin", "bin/app", "bin/same", "data", "data/deep", "data/deep/words.txt", "empty", "run"].toSorted(),
    );
    expect(await readFile(join(place, "bin/app"), "utf8")).toBe("#!/bin/sh\n".repeat(1_000));
    expect(await readFile(join(place, "data/deep/words.txt"), "utf8")).toBe("word");
    expect((await stat(join(place, "bin/same"))).ino).toBe((await stat(join(place, "bin/app"))).ino);
    expect(await readlink(join(place, "run"))).toBe("bin/app");
    for (const folder of ["", "bin", "data", "data/deep"]) expect(await modeOf(join(place, folder))).toBe("555");
    expect(await modeOf(join(place, "bin/app"))).toBe("555");
    expect(await modeOf(join(place, "data/deep/words.txt"))).toBe("444");
    expect(await modeOf(join(place, "empty"))).toBe("444");
  });

  it.each(["xz", "zstd"] as const)("of %s goes through its program", async (format) => {
    const magic = { xz: "fd377a585a00", zstd: "28b52ffd" }[format];
    const given: Buffer[] = [];
    const decompress: Decompress = async function* (which, compressed) {
      expect(which).toBe(format);
      for await (const bytes of compressed) given.push(Buffer.from(bytes));
      yield release;
    };
    const packed = Buffer.from(`${magic}0102`, "hex");
    const { archive } = await archiveOf(packed, { signed: release, decompress });
    await checkArchive(archive, never);
    expect(Buffer.concat(given)).toStrictEqual(packed);
  });

  it("of nobody who has signed it is unpacked as far as the disk has room", async () => {
    const { archive } = await archiveOf(release, { signed: null });
    await expect(checkArchive(archive, never)).resolves.toMatchObject({ entries: 7 });
    const { archive: larger } = await archiveOf(release, { signed: null, maxBytes: release.length - 1 });
    await expect(checkArchive(larger, never)).rejects.toMatchObject({
      code: "archive-too-large",
      message: expect.stringContaining("has room for"),
    });
  });

  const other = Buffer.from(release);
  other[600] = 1; // In the padding of nothing: a header's name.
  const flipped = gzipSync(release);
  flipped[flipped.length - 6] = (flipped[flipped.length - 6] ?? 0) ^ 1;
  const bomb = gzipSync(Buffer.concat([release, Buffer.alloc(5_000_000)]));
  it.each<[string, Buffer, Buffer, string, string]>([
    ["more than was signed", bomb, release, "archive-too-large", "more than the"],
    ["less than was signed", release, Buffer.concat([release, Buffer.alloc(512)]), "archive-invalid", "unpacks to"],
    ["another content", release, other, "archive-invalid", "another SHA-256"],
    ["a gzip file that is cut off", gzipSync(release).subarray(0, -20), release, "archive-invalid", "cut off"],
    ["a damaged gzip file", flipped, release, "archive-invalid", "damaged"],
    [
      "something behind a gzip file",
      Buffer.concat([gzipSync(release), Buffer.from("\0more")]),
      release,
      "archive-invalid",
      "follows",
    ],
    ["no archive", Buffer.from("MZ\x90"), Buffer.from("MZ\x90"), "archive-invalid", "cut off"],
    ["an archive in an archive", tarOf({ name: "/etc/x" }), tarOf({ name: "/etc/x" }), "archive-unsafe", "/etc/x"],
  ])("is refused, and nothing is written: %s", async (_what, bytes, signed, code, why) => {
    const { archive, place } = await archiveOf(bytes, { signed });
    await expect(checkArchive(archive, never)).rejects.toMatchObject({ code, message: expect.stringContaining(why) });
    expect(existsSync(place)).toBe(false);
  });

  it("is refused for its last entry before the first is written", async () => {
    const bytes = tarOf({ name: "a", content: "1" }, { name: "b", type: "3" });
    const { archive, place } = await archiveOf(bytes);
    await expect(checkArchive(archive, never)).rejects.toMatchObject({ code: "archive-unsafe" });
    expect(existsSync(place)).toBe(false);
  });

  it("that changed between its check and unpacking is not taken", async () => {
    const { archive, place } = await archiveOf(release);
    await writeFile(archive.path, other);
    await expect(unpackArchive(archive, place, never)).rejects.toMatchObject({ code: "archive-invalid" });
  });

  it("is left when nobody wants it any more", async () => {
    const { archive } = await archiveOf(release);
    await expect(checkArchive(archive, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
    const { archive: cut } = await archiveOf(gzipSync(tarEntry({ name: "a" })), { signed: null });
    await expect(checkArchive(cut, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
  });

  it("is not unpacked over what is there", async () => {
    const { archive, place } = await archiveOf(release);
    await writeFile(place, "");
    await expect(unpackArchive(archive, place, never)).rejects.toMatchObject({ code: "EEXIST" });
  });
});
