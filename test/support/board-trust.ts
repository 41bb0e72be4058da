import { join } from "node:path";
import { boardTrust, type BoardTrust } from "../../agent/cli/board-trust.ts";
import { publishedAt } from "./tuf-repository.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The trust of a simulated board in a folder of its own, on the day on which the test repository is published. */
export async function newBoardTrust({ now = publishedAt } = {}): Promise<BoardTrust> {
  const clock = { now: () => now, synchronized: () => Promise.resolve(true) };
  return { ...boardTrust(join(await temporaryFolder(), "state")), clock };
}
