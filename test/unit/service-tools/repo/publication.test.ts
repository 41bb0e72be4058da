import { describe, expect, it } from "vitest";
import type { TargetDescription } from "../../../../agent/contract/signed-target.ts";
import type { BoardRole } from "../../../../service-tools/repo/contents.ts";
import { addImage, newestEpoch, removeVersion, versionInName } from "../../../../service-tools/repo/publication.ts";

const digest = (character: string): string => character.repeat(64);

function described(version: string, more: Partial<TargetDescription> = {}): TargetDescription {
  return {
    version,
    epoch: 0,
    kind: "feature",
    boards: ["a"],
    installer: "command",
    options: {},
    contentSha256: digest("c"),
    contentSize: 1,
    ...more,
  };
}

/** Published one after the other, each with its own bytes, for the boards that it names. */
function published(...descriptions: readonly TargetDescription[]): { boards: Map<string, BoardRole> } {
  const boards = new Map<string, BoardRole>();
  for (const [index, description] of descriptions.entries()) {
    const image = { sha256: digest(String(index)), sizeBytes: 1, name: "app.tar.gz" };
    for (const [board, files] of addImage({ boards }, image, description).boards) {
      boards.set(board, {
        version: 1,
        expires: "2036-01-01T00:00:00Z",
        files,
        meta: { version: 1, length: 1, hashes: { sha256: digest("f") } },
      });
    }
  }
  return { boards };
}

describe("the version in a file's name", () => {
  it.each<[string, string | undefined]>([
    ["app-1.2.0.tar.gz", "1.2.0"],
    ["/build/app_v1.2.tar.zst", "1.2"],
    ["system-2026.11.30.img.xz", "2026.11.30"],
    ["1.0.0.bin", "1.0.0"],
    ["app.tar", undefined],
    ["app-7.img", undefined],
    ["app-1.2.0-arm64.tar.gz", undefined],
    ["app-1.2.0-rc1.tar", undefined],
    ["for-2.0-app-1.2.0.tar", undefined],
    ["python3.11.tar", undefined],
    ["app-1.2.0.zip", undefined],
  ])("%s: %s", (file, version) => {
    expect(versionInName(file)).toBe(version);
  });
});

describe("the path of an image", () => {
  it.each<[string, string, string]>([
    ["app-1.2.0.tar.gz", "1.2.0", "a/app-1.2.0.tar.gz"],
    ["app.tar.gz", "1.2.0", "a/app-1.2.0.tar.gz"],
    ["a b*c?.img", "2:1~rc+x", "a/a-b-c--2-1-rc-x.img"],
    ["..", "1", "a/image-1"],
    ["-rf", "1", "a/rf-1"],
    [`${"x".repeat(300)}.img`, "1", `a/${"x".repeat(80)}-1.img`],
  ])("%s, version %s: %s", (name, version, path) => {
    const { paths } = addImage({ boards: new Map() }, { sha256: digest("0"), sizeBytes: 1, name }, described(version));
    expect([...paths]).toStrictEqual([["a", path]]);
  });

  it("is another one where two versions would get the same", () => {
    const { boards } = published(described("1:0"), described("1~0"));
    expect([...(boards.get("a")?.files.keys() ?? [])]).toStrictEqual([
      "a/app-1-0.tar.gz",
      `a/app-1-0-${digest("1").slice(0, 12)}.tar.gz`,
    ]);
  });
});

describe("what is published", () => {
  it("stays in the order of publishing, also what was described anew", () => {
    const { boards } = published(described("1"), described("2"));
    const again = addImage(
      { boards },
      { sha256: digest("0"), sizeBytes: 1, name: "app.tar.gz" },
      described("1", { epoch: 2 }),
    );
    expect(again.isUnchanged).toBe(false);
    expect([...(again.boards.get("a")?.values() ?? [])].map(({ description }) => description.version)).toStrictEqual([
      "2",
      "1",
    ]);
  });

  it("is unchanged when nothing differs, whatever the order of the keys", () => {
    const { boards } = published(described("1", { options: { x: "1", y: "2" } }));
    const again = addImage(
      { boards },
      { sha256: digest("0"), sizeBytes: 1, name: "app.tar.gz" },
      described("1", { options: { y: "2", x: "1" } }),
    );
    expect(again.isUnchanged).toBe(true);
  });

  it("has a newest epoch among the boards that are asked about", () => {
    const contents = published(described("1", { epoch: 4 }), described("2", { epoch: 9, boards: ["b"] }));
    expect([
      newestEpoch(contents, ["a"]),
      newestEpoch(contents, ["a", "b"]),
      newestEpoch(contents, ["c"]),
    ]).toStrictEqual([4, 9, 0]);
  });

  it("is removed from one board's list alone", () => {
    const contents = published(described("1", { boards: ["a", "b"] }), described("2"));
    const { files, path } = removeVersion(contents, "a", "1");
    expect([[...files.keys()], path]).toStrictEqual([["a/app-2.tar.gz"], "a/app-1.tar.gz"]);
    expect(contents.boards.get("a")?.files.size).toBe(2);
    expect(() => removeVersion(contents, "c", "1")).toThrow("c has no version 1. It has no image.");
  });
});
