import { mkdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { byDepth } from "../../support/depth.ts";
import { Chance, mutate, randomBoards, randomRepository } from "../../support/random-repositories.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TrustingBoard } from "../../support/trusting-board.ts";
import { TufJsBoard } from "../../support/tuf-js-board.ts";
import { daysLater, wallClock, type TufRepository } from "../../support/tuf-repository.ts";

/*
 * Our verifier beside tuf-js 5.0.1: two boards read the same repository, and must come to the same. Where our rules differ on
 * purpose, metadata-unlike-tuf-js.test.ts says how, and docs/decisions/020 why.
 */

/** What two boards come to, at the same repository and time. */
interface Results {
  readonly ours: { readonly ok: boolean; readonly images: readonly string[] };
  readonly theirs: { readonly ok: boolean; readonly images: readonly string[] };
  readonly causes: string;
}

class TwoBoards {
  readonly ours: TrustingBoard;
  readonly theirs: TufJsBoard;
  /** Every image that there ever was. */
  readonly #asked = new Set<string>();

  constructor(repository: TufRepository, folder: string, time = daysLater(10)) {
    this.ours = new TrustingBoard(repository.seed());
    this.ours.boards = randomBoards;
    this.ours.clock = wallClock(time);
    this.theirs = new TufJsBoard(folder, repository.file("1.root.json"), time);
  }

  async refresh(repository: TufRepository): Promise<Results> {
    const code = await this.ours.refresh(repository);
    // tuf-js finds only what it is asked for, and reads the role of a board when it is asked.
    for (const [board, images] of Object.entries(repository.boards)) {
      for (const path of [`${board}/none`, ...Object.keys(images)]) this.#asked.add(path);
    }
    const ok = await this.theirs.refresh(repository, [...this.#asked]);
    const images = this.ours.trusted?.targets.map(({ path, sha256 }) => `${path} ${sha256}`) ?? [];
    return {
      ours: { ok: code === "ok", images: images.sort() },
      theirs: { ok, images: ok ? [...this.theirs.trusted].map((one) => one.join(" ")).sort() : [] },
      causes: `ours: ${code}; tuf-js: ${String(this.theirs.error)}`,
    };
  }
}

/** How many repositories a test has, and their first seeds. */
const perTest = byDepth(25, 10);
const seeds = Array.from({ length: byDepth(8, 500) }, (_, test) => perTest * test);

describe("the same result as tuf-js, on repositories that were changed by chance", () => {
  it.each(seeds)(`${perTest} of them from %d on`, async (first) => {
    const folder = await temporaryFolder();
    const counts = { accepted: 0, refused: 0 };
    for (let seed = first; seed < first + perTest; seed += 1) {
      const chance = new Chance(seed);
      const repository = randomRepository(chance);
      mkdirSync(`${folder}/${seed}`);
      const boards = new TwoBoards(repository, `${folder}/${seed}`);
      const done = ["new"];
      for (let step = 1; ; step += 1) {
        const { ours, theirs, causes } = await boards.refresh(repository);
        expect({ seed, done, causes, ...ours }).toStrictEqual({ seed, done, causes, ...theirs });
        counts[ours.ok ? "accepted" : "refused"] += 1;
        // After a failure, the two do not keep the same (metadata-unlike-tuf-js.test.ts).
        if (!ours.ok || step === byDepth(3, 6)) break;
        done.push(mutate(repository, chance, step));
      }
    }
    expect(counts.accepted).toBeGreaterThan(perTest);
    expect(counts.refused).toBeGreaterThan(perTest / 10);
  });
});
