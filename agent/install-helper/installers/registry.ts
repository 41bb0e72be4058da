import { AgentError } from "../../lib/errors.ts";
import { findOwnersProgram } from "../owners-program.ts";
import type { JournalLog } from "../ports.ts";
import { commandInstaller } from "./command.ts";
import type { HelperInstaller } from "./installer.ts";

/** What installers are made from. Nothing of it comes from the agent but the time limit. */
export interface InstallerContext {
  /** How long each step may take. */
  readonly limitMs: number;
  /** The path of root's copy of an image; undefined where it is not there. */
  readonly findCopy: (sha256: string) => Promise<string | undefined>;
  /** The file in which the owner names the program of `command`. */
  readonly permission: string;
  /** Whose files count as root's. */
  readonly owners: readonly number[];
  readonly log: JournalLog;
}

/** Makes an installer; rejects with `installer-not-allowed` where the owner of this board does not let root use it. */
type Make = (context: InstallerContext) => Promise<HelperInstaller>;

/** The installers inside root's helper, by the names that settings and signed images use. */
const installers: Readonly<Record<string, Make>> = {
  async command({ permission, owners, limitMs, findCopy, log }) {
    const found = await findOwnersProgram(permission, owners);
    if ("refusal" in found) throw new AgentError("installer-not-allowed", found.refusal);
    return commandInstaller({ program: found.program, limitMs, findCopy, log });
  },
};

/** Undefined where there is no installer of this name. */
export async function makeInstaller(name: string, context: InstallerContext): Promise<HelperInstaller | undefined> {
  return Object.hasOwn(installers, name) ? await installers[name]?.(context) : undefined;
}
