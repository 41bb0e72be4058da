import { describe, expect, it } from "vitest";
import { ArchiveRules, maxArchiveEntries, type ArchiveEntry } from "../../../../agent/contract/archive-rules.ts";

const file = (name: string, mode = 0o644): ArchiveEntry => ({ kind: "file", name, mode, sizeBytes: 3 });
const folder = (name: string): ArchiveEntry => ({ kind: "folder", name, mode: 0o755, sizeBytes: 0 });
const symlink = (name: string, target: string): ArchiveEntry => ({
  kind: "symlink",
  name,
  mode: 0o777,
  sizeBytes: 0,
  target,
});
const hardlink = (name: string, target: string): ArchiveEntry => ({
  kind: "hardlink",
  name,
  mode: 0o644,
  sizeBytes: 0,
  target,
});

function check(...entries: readonly ArchiveEntry[]) {
  const rules = new ArchiveRules();
  return entries.map((entry) => rules.check(entry));
}

describe("ArchiveRules", () => {
  it("takes what tar makes of a folder", () => {
    const checked = check(
      folder("./"),
      folder("./bin/"),
      file("./bin/app", 0o750),
      file("./read me ü.txt"),
      hardlink("./bin/same", "./bin/app"),
      symlink("./bin/link", "../lib/./x.so"),
      symlink("./here", "."),
    );
    expect(checked.map(({ kind, path, isExecutable, target }) => [kind, path, isExecutable, target])).toStrictEqual([
      ["folder", "", true, ""],
      ["folder", "bin", true, ""],
      ["file", "bin/app", true, ""],
      ["file", "read me ü.txt", false, ""],
      ["hardlink", "bin/same", false, "bin/app"],
      ["symlink", "bin/link", true, "../lib/./x.so"],
      ["symlink", "here", true, "."],
    ]);
  });

  it("takes files below folders that are not listed, or listed later", () => {
    expect(check(file("a/b/c"), folder("a/b"), file("a/b/d")).map(({ path }) => path)).toStrictEqual([
      "a/b/c",
      "a/b",
      "a/b/d",
    ]);
  });

  it.each<[string, ArchiveEntry[], string]>([
    ["an absolute path", [file("/etc/passwd")], "absolute"],
    ["a path that climbs", [file("../x")], '".."'],
    ["a path that climbs on its way", [file("a/../../x")], '".."'],
    ["a path that climbs to where it began", [file("a/..")], '".."'],
    ["a path that climbs behind ./", [file("./../x")], '".."'],
    ["a dot within a path", [file("a/./b")], "empty part"],
    ["two slashes", [file("a//b")], "empty part"],
    ["./ twice", [file("././b")], "empty part"],
    ["a file with a slash at its end", [file("a/")], "ends with a slash"],
    ["a link with a slash at its end", [symlink("a/", "b")], "ends with a slash"],
    ["two slashes at the end of a folder", [folder("a//")], "empty part"],
    ["the release itself as a link", [symlink(".", "b")], "no name of its own"],
    ["the release itself as a file", [file("./")], "ends with a slash"],
    ["a name with a dash in front", [file("-rf")], "dash"],
    ["a folder with a dash in front", [file("a/--option/b")], "dash"],
    ["a long path", [file(Array.from({ length: 300 }, () => "abcd").join("/"))], "more than 1024 bytes"],
    ["a long name", [file("ü".repeat(128))], "more than 255 bytes"],
    ["a line feed", [file("a\nb")], "not seen"],
    ["an escape", [file("a\u001b[2J")], "not seen"],
    ["a mark that turns the writing", [file("a\u202Etxt.exe")], "not seen"],
    ["a space of no width", [file("a\u200Bb")], "not seen"],
    ["a set-user-ID file", [file("su", 0o4755)], "set-user-ID"],
    ["a set-group-ID file", [file("sg", 0o2755)], "set-group-ID"],
    ["a sticky folder", [{ kind: "folder", name: "tmp", mode: 0o1777, sizeBytes: 0 }], "sticky"],
    ["a file twice", [file("a"), file("a")], "twice"],
    ["a file twice, as ./a", [file("a"), file("./a")], "twice"],
    ["a folder twice", [folder("a"), folder("a/")], "twice"],
    ["the root twice", [folder("./"), folder(".")], "twice"],
    ["a file where a folder is", [folder("a"), file("a")], "twice"],
    ["a link where a folder is implied", [file("a/b"), symlink("a", "c")], "twice"],
    ["a folder where a file is", [file("a"), folder("a")], "twice"],
    ["capitals alone", [file("Readme"), file("README")], "looks like"],
    ["capitals of a folder", [file("a/x"), file("A/y")], "looks like"],
    ["another notation of an accent", [file("\u00FC"), file("u\u0308")], "looks like"],
    ["a ligature", [file("\uFB01x"), file("fix")], "looks like"],
    ["sharp s", [file("stra\u00DFe"), file("STRASSE")], "looks like"],
    ["a Cyrillic letter that looks Latin", [file("app"), file("\u0430pp")], "looks like"],
    ["a folder's Greek capital that looks Latin", [file("\u039Fs/x"), file("OS/y")], "looks like"],
    ["a file below a file", [file("a"), file("a/b")], "below a file or a link"],
    ["a file below a file with a Cyrillic name", [file("\u0430"), file("\u0430/b")], "below a file or a link"],
    ["a file below a link", [symlink("a", "b"), file("a/b")], "below a file or a link"],
    ["a file deep below a link", [symlink("a", "b"), file("a/c/d/e")], "below a file or a link"],
    ["a file below a hard link", [file("x"), hardlink("a", "x"), file("a/b")], "below a file or a link"],
    ["an absolute link", [symlink("a", "/etc/passwd")], "out of the release"],
    ["a link that climbs out", [symlink("a", "..")], "out of the release"],
    ["a link that climbs out of its folder", [symlink("a/b", "../../x")], "out of the release"],
    ["a link that climbs out later", [symlink("a/b/up", "../.."), symlink("x", "a/b/up/../..")], '".." behind a name'],
    [
      "a link through a link that climbs",
      [symlink("a/b/up", "../.."), symlink("a/y", "b/up/../etc")],
      '".." behind a name',
    ],
    ["an empty link", [symlink("a", "")], "link to nothing"],
    ["a link with a line feed", [symlink("a", "b\nc")], "not seen"],
    ["a link to a long path", [symlink("a", "x".repeat(1_025))], "more than 1024 bytes"],
    ["a hard link out", [hardlink("a", "../x")], '".."'],
    ["a hard link to an absolute path", [hardlink("a", "/etc/shadow")], "absolute"],
    ["a hard link to what comes later", [hardlink("a", "b"), file("b")], "no earlier file"],
    ["a hard link to a folder", [folder("b"), hardlink("a", "b")], "no earlier file"],
    ["a hard link to a link", [symlink("b", "c"), hardlink("a", "b")], "no earlier file"],
    ["a hard link to itself", [hardlink("a", "a")], "no earlier file"],
  ])("refuses %s", (_what, entries, why) => {
    expect(() => check(...entries)).toThrow(
      expect.objectContaining({ code: "archive-unsafe", message: expect.stringContaining(why) }),
    );
  });

  it("refuses more entries than it holds in memory", () => {
    const rules = new ArchiveRules();
    for (let count = 0; count < maxArchiveEntries; count += 1) rules.check(file(`f${count}`));
    expect(() => rules.check(file("one-more"))).toThrow(/more than 100000 files/);
  });

  it("refuses more bytes of paths than it holds in memory", () => {
    const rules = new ArchiveRules();
    const parent = Array.from({ length: 4 }, () => "d".repeat(250)).join("/");
    expect(() => {
      for (let count = 0; count < 20_000; count += 1) rules.check(file(`${parent}/${count}`));
    }).toThrow(/bytes of paths/);
  });

  it("shows no name as a part of its sentence", () => {
    expect(() => check(file('x" is fine.\n\u202E'))).toThrow(/^"x\\" is fine\.\\n\\u\{202e\}" has/);
  });
});
