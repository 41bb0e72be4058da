import { describe, expect, it } from "vitest";
import { secondPublication, TrustingBoard } from "../../../support/trusting-board.ts";
import { daysLater, put, targetEntry, TufRepository, type Signed } from "../../../support/tuf-repository.ts";

const name = "acme,gateway";
const [path, entry] = targetEntry(name, "2.0.0");

async function refreshWith(edit: (signed: Signed) => void): Promise<{ result: string; board: TrustingBoard }> {
  const { board, repository } = await secondPublication({ edit: { [name]: edit } });
  return { result: await board.refresh(repository), board };
}

const custom = (key: string, value: unknown) => put(["targets", path, "custom", key], value);

describe("an image of this board's role", () => {
  it("is described as its publisher has signed it", async () => {
    const more = {
      minAgent: "0.2.0",
      minPrevious: 3,
      kind: "security",
      epoch: 4,
      notes: "Closes a hole.",
      sbomSha256: "0".repeat(64),
      options: { format: "tar.gz", "x-new": [1, { a: 2 }] },
    };
    const described = targetEntry(name, "2.0.0", more)[1];
    const { result, board } = await refreshWith(put(["targets", path], described));
    expect(result).toBe("ok");
    expect(board.trusted?.targets).toStrictEqual([
      {
        path,
        sha256: (entry["hashes"] as { sha256: string }).sha256,
        sizeBytes: entry["length"],
        ...(described["custom"] as object),
      },
    ]);
  });

  it.each([
    ["an installer that this agent does not know", custom("installer", "quantum")],
    ["options that it does not know", custom("options", { a: { b: [1, 2, 3] } })],
    ["a key that it does not know", custom("from", "a later release")],
    ["a digest that it does not know", put(["targets", path, "hashes", "sha3"], "00")],
  ])("with %s is there: who asks for it is answered", async (_what, edit) => {
    expect(await refreshWith(edit)).toMatchObject({ result: "ok", board: { versions: ["2.0.0"] } });
  });

  it.each([
    ["no description", put(["targets", path, "custom"], undefined)],
    ["a description that is none", put(["targets", path, "custom"], "1.0.0")],
    ["no version", custom("version", undefined)],
    ["a version with a slash", custom("version", "../1.0.0")],
    ["no epoch", custom("epoch", undefined)],
    ["a negative epoch", custom("epoch", -1)],
    ["an epoch as text", custom("epoch", "1")],
    ["an unknown kind", custom("kind", "urgent")],
    ["no boards", custom("boards", [])],
    ["a board that is a role of TUF", custom("boards", ["root"])],
    ["a minAgent that is no version", custom("minAgent", "latest")],
    ["an installer that is no name", custom("installer", "../evil")],
    ["options that are no object", custom("options", "all")],
    ["a content digest that is none", custom("contentSha256", "00")],
    ["a content size of 0", custom("contentSize", 0)],
    ["very long notes", custom("notes", "x".repeat(1_001))],
    ["no SHA-256", put(["targets", path, "hashes"], { sha512: "00" })],
    ["a SHA-256 in capital letters", put(["targets", path, "hashes", "sha256"], "A".repeat(64))],
    ["no size", put(["targets", path, "length"], 0)],
    ["a size of more than a TiB", put(["targets", path, "length"], 2 ** 40 + 1)],
    ["a name with a slash", put(["targets", `${name}/a/b`], entry)],
    ["the name ..", put(["targets", `${name}/..`], entry)],
    ["no name", put(["targets", `${name}/`], entry)],
    ["a name with a query", put(["targets", `${name}/a?b`], entry)],
    ["a name that begins with a dash", put(["targets", `${name}/-rf`], entry)],
    ["a name of 201 characters", put(["targets", `${name}/${"a".repeat(201)}`], entry)],
  ])("with %s makes its role unusable: metadata-invalid", async (_what, edit) => {
    const { result, board } = await refreshWith(edit);
    expect(result).toBe("metadata-invalid");
    expect(board.error?.message).toContain("its image");
    expect(board.load()).toBe("ok");
  });

  it.each(["elsewhere/a", "acme,gateway2/a", "a", "/acme,gateway/a", "__proto__"])(
    "%s is not the role's to list, and does not count",
    async (outside) => {
      expect(await refreshWith(put(["targets", outside], entry))).toMatchObject({
        result: "ok",
        board: { versions: ["2.0.0"] },
      });
    },
  );
});

it.each([
  [50, "ok"],
  [51, "metadata-too-large"],
])("%d images: %s", async (count, result) => {
  const repository = new TufRepository({ boards: { [name]: Array.from({ length: count }, (_, at) => `1.0.${at}`) } });
  repository.publish(daysLater(1));
  const board = new TrustingBoard(repository.seed());
  expect(await board.refresh(repository)).toBe(result);
  expect(board.versions).toHaveLength(result === "ok" ? count : 0);
});
