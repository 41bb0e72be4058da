import { describe, expect, it } from "vitest";
import type { StoredMetadata } from "../../../../agent/trust/ports.ts";
import { TrustingBoard } from "../../../support/trusting-board.ts";
import { daysLater, testKey, TufRepository, wallClock } from "../../../support/tuf-repository.ts";

const name = "acme,gateway";

/** A board that has stored the newest files, and its repository. */
async function connected(): Promise<{ board: TrustingBoard; repository: TufRepository }> {
  const repository = new TufRepository();
  const board = new TrustingBoard(repository.seed());
  await board.refresh(repository);
  return { board, repository };
}

describe("what is stored, without asking anybody", () => {
  it("says the same as the refresh that stored it", async () => {
    const { board } = await connected();
    const { trusted } = board;
    expect(board.load()).toBe("ok");
    expect(board.trusted).toStrictEqual(trusted);
  });

  it("is too little where only the seed is there: metadata-missing", () => {
    const board = new TrustingBoard(new TufRepository().seed());
    expect(board.load()).toBe("metadata-missing");
    expect(board.error?.message).toContain("Connect it to the repository, or install with --repository");
  });

  const empty = new Uint8Array();
  it.each<[string, Partial<StoredMetadata>, string]>([
    ["the root is damaged", { root: empty }, "trust-store-damaged"],
    ["the root is another file", { root: new TufRepository().file("timestamp.json") }, "trust-store-damaged"],
    ["the timestamp is gone", { timestamp: undefined }, "metadata-missing"],
    ["the snapshot is gone", { snapshot: undefined }, "metadata-missing"],
    ["the targets are gone", { targets: undefined }, "metadata-missing"],
    ["the board's role is gone", { roles: new Map() }, "metadata-missing"],
    ["the timestamp is damaged", { timestamp: empty }, "metadata-invalid"],
    ["the snapshot is damaged", { snapshot: empty }, "metadata-mismatch"],
    ["the targets are damaged", { targets: empty }, "metadata-mismatch"],
    ["the board's role is damaged", { roles: new Map([[name, empty]]) }, "metadata-mismatch"],
  ])("%s: %s, and only a damaged root needs more than a refresh", async (_what, change, code) => {
    const { board, repository } = await connected();
    const { stored } = board;
    board.stored = { ...stored, ...change };
    expect(board.load()).toBe(code);
    const isMended = code !== "trust-store-damaged";
    expect(await board.refresh(repository)).toBe(isMended ? "ok" : code);
    expect(board.stored).toStrictEqual(isMended ? stored : { ...stored, ...change });
  });

  it("files of two publications do not go together", async () => {
    const { board, repository } = await connected();
    const { stored } = board;
    repository.publish(daysLater(1));
    await board.refresh(repository);
    board.stored = { ...board.stored, snapshot: stored.snapshot };
    expect(board.load()).toBe("metadata-mismatch");
  });

  it("what a key has signed that was taken away no longer counts", async () => {
    const { board, repository } = await connected();
    repository.writeRoot({ targets: { keys: [testKey("new targets")], threshold: 1 } });
    expect(await board.refresh(repository)).toBe("metadata-signature");
    expect(board.load()).toBe("metadata-signature");
  });

  it("the names of the board may change", async () => {
    const repository = new TufRepository({ boards: { [name]: ["1.0.0"], other: ["2.0.0"] } });
    const board = new TrustingBoard(repository.seed());
    await board.refresh(repository);
    board.boards = ["other"];
    expect(board.load()).toBe("metadata-missing");
    expect(await board.refresh(repository)).toBe("ok");
    expect([board.versions, [...board.stored.roles.keys()]]).toStrictEqual([["2.0.0"], ["other"]]);
  });

  it("is refused when its targets have expired meanwhile", async () => {
    const { board } = await connected();
    board.clock = wallClock(daysLater(731));
    expect(board.load()).toBe("metadata-expired");
  });
});
