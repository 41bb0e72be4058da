import { join } from "node:path";
import { trustAccess, type TrustAccess } from "../../agent/cli/trust-access.ts";
import { publishedAt } from "./tuf-repository.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The trust of a simulated board in a folder of its own, on the day on which the test repository is published. */
export async function newBoardTrust({ now = publishedAt } = {}): Promise<TrustAccess> {
  const clock = { now: () => now, synchronized: () => Promise.resolve(true) };
  return { ...trustAccess(join(await temporaryFolder(), "state")), clock };
}
