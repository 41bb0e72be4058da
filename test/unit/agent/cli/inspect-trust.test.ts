import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mkdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { inspectTrust } from "../../../../agent/cli/inspect-trust.ts";
import type { TrustAccess } from "../../../../agent/cli/trust-access.ts";
import { verifyRoot } from "../../../../agent/trust/trust-root.ts";
import { newBoardTrust } from "../../../support/board-trust.ts";
import { daysLater, recovery, targetEntry, TufRepository, working } from "../../../support/tuf-repository.ts";

const repository = new TufRepository({ boards: { "simulated-board": ["1.0.0"] } });
const { fingerprint } = verifyRoot("root.json", repository.file("1.root.json"));

/** A board that has read the repository, and has its seed. */
async function trustingBoard(now?: Date): Promise<TrustAccess> {
  const board = await newBoardTrust(now === undefined ? {} : { now });
  await board.store.save(repository.stored(), { floor: 2, issued: "2027-03-01T12:00:00Z" });
  await writeFile(board.paths.seed, repository.file("1.root.json"), { mode: 0o644 });
  return board;
}

async function configure(board: TrustAccess, text: string): Promise<void> {
  await mkdir(dirname(board.paths.boardConfig), { recursive: true, mode: 0o755 });
  await writeFile(board.paths.boardConfig, text, { mode: 0o644 });
}

describe("what a board trusts", () => {
  it("is root, keys, floor, names and the signed images", async () => {
    const board = await trustingBoard();
    await configure(board, "update.refuse-stale = yes\n");
    const [, entry] = targetEntry("simulated-board", "1.0.0");
    const { sha256 } = entry["hashes"] as { sha256: string };
    expect(await inspectTrust(board)).toStrictEqual({
      root: {
        version: 1,
        expires: "2037-03-01T12:00:00.000Z",
        fingerprint,
        keys: [
          { role: "root", threshold: 1, keyIds: [working.id, recovery.id] },
          { role: "targets", threshold: 1, keyIds: [working.id] },
          { role: "snapshot", threshold: 1, keyIds: [working.id] },
          { role: "timestamp", threshold: 1, keyIds: [working.id] },
        ],
      },
      damage: null,
      problems: [],
      remade: null,
      seed: { path: board.paths.seed, version: 1, fingerprint },
      floor: 2,
      issued: "2027-03-01T12:00:00Z",
      boards: ["simulated-board"],
      boardsFrom: "simulator",
      boardConfigProblem: null,
      unsignedAllowed: false,
      refuseStale: true,
      metadata: { staleness: null, images: [{ version: "1.0.0", epoch: 0, kind: "feature", sha256 }] },
    });
  });

  it("is nobody on a new board", async () => {
    const board = await newBoardTrust();
    expect(await inspectTrust(board)).toMatchObject({
      root: null,
      damage: null,
      problems: [],
      seed: { path: board.paths.seed, problem: "is not there" },
      floor: null,
      metadata: null,
    });
  });

  it("is stale, expired, or not known yet", async () => {
    const staleness: unknown = expect.stringMatching(/2028-03-01/);
    expect((await inspectTrust(await trustingBoard(daysLater(400)))).metadata).toMatchObject({ staleness });
    const expired = (await inspectTrust(await trustingBoard(daysLater(800)))).metadata;
    expect(expired).toMatchObject({ code: "metadata-expired" });
    const board = await newBoardTrust();
    await board.store.save(repository.seed(), { floor: 0, issued: null });
    expect((await inspectTrust(board)).metadata).toMatchObject({ code: "metadata-missing" });
  });

  it("shows every fault beside the rest", async () => {
    const board = await trustingBoard();
    await configure(board, "update.allow-unsigned = yes\nnonsense\n");
    await writeFile(join(board.paths.store, "record.json"), "{");
    await writeFile(board.paths.seed, "{}");
    expect(await inspectTrust(board)).toMatchObject({
      root: { version: 1 },
      problems: [expect.stringContaining("record.json was damaged"), "The floor is known from its copy."],
      seed: { problem: expect.stringContaining("cannot be used") as string },
      unsignedAllowed: false,
      boardConfigProblem: expect.stringContaining("line 2: expected key = value") as string,
    });
    await rm(join(board.paths.store, "root.json"));
    expect(await inspectTrust(board)).toMatchObject({
      root: null,
      damage: expect.stringContaining("This board's trust root cannot be read") as string,
    });
  });
});
