import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import * as fc from "fast-check";
import { expect } from "vitest";
import { ArchiveRefused, ArchiveRules, type ReleaseEntry } from "../../agent/contract/archive-rules.ts";
import { TarReader } from "../../agent/contract/tar-reader.ts";
import { checkArchive, unpackArchive, type Archive } from "../../agent/install-helper/archive/unpack.ts";
import { gnuLong, paxHeader, tarEnd, tarEntry, tarOf, type TarEntry } from "../support/tar.ts";
import { checkProperties, counterexample, type Search } from "./counterexample.ts";

const never = new AbortController().signal;

/** Few names, so that they meet: as folders, files, links and targets of one archive. */
const part = fc.constantFrom("a", "b", "c", "A", "..", ".", "", "-f", "é", "e\u0301", "x\ny", "d".repeat(90));
const path = fc.oneof(
  { weight: 30, arbitrary: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(part, { maxLength: 4 }) },
);
const name = fc
  .tuple(
    fc.oneof({ weight: 30, arbitrary: fc.constantFrom("", "./") }, { weight: 1, arbitrary: fc.constant("/") }),
    path,
    fc.oneof({ weight: 30, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.constant("/") }),
  )
  .map(([before, parts, after]) => before + parts.join("/") + after);
/** Up, then down; and, less often, anything. */
const target = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom("", "", "../", "../../"),
        fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 2 }),
      )
      .map(([up, down]) => up + down.join("/")),
  },
  { weight: 1, arbitrary: name },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom("..", "a", "b", ".", "c"), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join("/")),
  },
);
const mode = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(0o644, 0o755, 0o600) },
  { weight: 1, arbitrary: fc.constantFrom(0o4755, 0o2755, 0o1777) },
);
const kind = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom("0", "0", "0", "5", "2", "2", "1") },
  { weight: 1, arbitrary: fc.constantFrom("3", "4", "6", "S", "\0", "7", "Z") },
);
const entry: fc.Arbitrary<TarEntry[]> = fc
  .record({
    name,
    target,
    mode,
    type: kind,
    content: fc.string({ maxLength: 20 }),
    long: fc.constantFrom("", "", "", "pax", "gnu"),
  })
  .map(({ name: called, target: leads, type, content, long, mode: bits }) => {
    const isLink = type === "1" || type === "2";
    const made: TarEntry = {
      name: called,
      type,
      mode: bits,
      target: isLink ? leads : "",
      content: type === "0" || type === "\0" ? content : "",
    };
    if (long === "pax")
      return [paxHeader({ path: called, ...(isLink ? { linkpath: leads } : {}) }), { ...made, name: "cut" }];
    if (long === "gnu") return [gnuLong("L", called), { ...made, name: "cut", format: "gnu" as const }];
    return [made];
  });
const archive = fc.array(entry, { minLength: 1, maxLength: 7 }).map((entries) => tarOf(...entries.flat()));

/** Bytes that somebody has changed, cut off, or put twice. */
const damaged = fc
  .record({
    bytes: archive,
    flips: fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { maxLength: 2 }),
    cutAt: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat() }),
    more: fc.constantFrom(Buffer.alloc(0), Buffer.alloc(0), tarEnd, tarEntry({ name: "more" }), Buffer.from("x")),
  })
  .map(({ bytes, flips, cutAt, more }) => {
    const changed = Buffer.from(bytes);
    for (const { at, to } of flips) changed[at % changed.length] = to;
    return Buffer.concat([cutAt === null ? changed : changed.subarray(0, cutAt % changed.length), more]);
  });

/** What is read, in pieces of this size; a refusal as its code. Any other error is a fault. */
function read(bytes: Buffer, pieceBytes: number): ReleaseEntry[] | string {
  const [reader, rules, found] = [new TarReader(), new ArchiveRules(), [] as ReleaseEntry[]];
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes)
      for (const event of reader.push(bytes.subarray(at, at + pieceBytes)))
        if (event.type === "entry") found.push(rules.check(event.entry));
    reader.end();
    return found;
  } catch (cause) {
    if (!(cause instanceof ArchiveRefused)) throw cause;
    return `${cause.code}: ${cause.message}`;
  }
}

/** Every file, folder and link below a folder. */
async function everythingIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).map((one) => join(folder, one));
}

/** Those that start programs or write files take longer. */
const shorter = ({ numRuns, seed }: Search): Search => ({ numRuns: Math.ceil(numRuns / 4), seed });

checkProperties({
  "an archive is refused with a code, or read the same in whatever pieces": async (search) =>
    counterexample(
      fc.property(damaged, fc.integer({ min: 1, max: 2_000 }), (bytes, pieceBytes) => {
        const whole = read(bytes, bytes.length + 1);
        expect(read(bytes, pieceBytes)).toStrictEqual(whole);
        if (typeof whole === "string") expect(whole).toMatch(/^archive-(invalid|unsafe): ["A-Z]/);
      }),
      search,
    ),

  "an archive that is read is one for GNU tar too, with the same names": async (longer) => {
    const search = shorter(longer);
    let agreed = 0;
    const found = await counterexample(
      fc.property(fc.oneof({ weight: 3, arbitrary: archive }, { weight: 1, arbitrary: damaged }), (bytes) => {
        const ours = read(bytes, bytes.length + 1);
        if (typeof ours === "string") return;
        const args = ["--list", "--file=-", "--quoting-style=literal", "--absolute-names"];
        const { status, stdout, stderr } = spawnSync("tar", args, { input: bytes, encoding: "utf8" });
        expect([status, stderr]).toStrictEqual([0, ""]);
        const names = stdout.split("\n").slice(0, -1);
        const paths = names.map((one) => one.replace(/^\.(\/|$)/, "").replace(/\/$/, ""));
        expect(paths).toStrictEqual(ours.map((one) => one.path));
        agreed += 1;
      }),
      search,
    );
    return found ?? (agreed > search.numRuns / 10 ? null : `Only ${agreed} archives were read.`);
  },

  "whatever an archive holds, it reaches nothing outside its folder, and a refused one writes nothing": async (
    search,
  ) => {
    let unpacked = 0;
    const found = await counterexample(
      fc.asyncProperty(archive, async (bytes) => {
        const home = await mkdtemp(join(tmpdir(), "boardkeeper-"));
        try {
          // What links that climb out would meet.
          for (const outside of ["a", "b", "c"]) await mkdir(join(home, outside, "a/b"), { recursive: true });
          const before = await everythingIn(home);
          const [image, place] = [`${home}.image`, join(home, "releases")];
          await writeFile(image, bytes);
          const signed = { sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
          const packed: Archive = { path: image, limits: { maxBytes: 1_000_000, signed }, decompress: () => fail() };
          const refused = await checkArchive(packed, never).then(
            () => false,
            (cause: unknown) => cause instanceof ArchiveRefused,
          );
          if (!refused) await unpackArchive(packed, place, never);
          unpacked += refused ? 0 : 1;
          await rm(image);
          const after = await everythingIn(home);
          const inside = after.filter((one) => one === place || one.startsWith(place + sep));
          expect(after.filter((one) => !inside.includes(one))).toStrictEqual(before);
          if (refused) expect(inside).toStrictEqual([]);
          for (const one of inside) {
            const stats = await lstat(one);
            expect(stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()).toBe(true);
            expect(stats.mode & 0o7000).toBe(0);
            const real = await realpath(one).catch(() => place); // A link that leads nowhere.
            expect(real === place || real.startsWith(place + sep)).toBe(true);
          }
        } finally {
          await rm(home, { recursive: true, force: true });
        }
      }),
      search,
    );
    return found ?? (unpacked > search.numRuns / 10 ? null : `Only ${unpacked} archives were unpacked.`);
  },
});

function fail(): never {
  throw new Error("Nothing of this is compressed.");
}
