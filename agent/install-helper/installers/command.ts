import { execScript } from "../../board/installers/exec-script.ts";
import { truncateUtf8 } from "../../contract/safe-text.ts";
import {
  parseRunningVersion,
  runScript,
  type InstallScript,
  type InstallVerb,
  type ScriptCall,
} from "../../update/install-script.ts";
import type { JournalLog } from "../ports.ts";
import type { HelperInstaller, VerifiedImage } from "./installer.ts";

export interface CommandOptions {
  /** The owner's program; nobody but root can change it. */
  readonly program: string;
  /** How long each of its steps may take. */
  readonly limitMs: number;
  /** The path of root's copy of an image; undefined where it is not there. */
  readonly findCopy: (sha256: string) => Promise<string | undefined>;
  readonly log: JournalLog;
}

/** Nothing of this service's environment, nor of the agent's. */
const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
};

/** The program of the board's owner, run as root. It finds root's copy of the image until the update has ended. */
export function commandInstaller({ program, limitMs, findCopy, log }: CommandOptions): HelperInstaller {
  const remedy = "Correct what /etc/boardkeeper/installer names.";
  const script: InstallScript = execScript(program, { remedy, environment, folder: "/" });
  const run = async (verb: InstallVerb, signal: AbortSignal, image?: ScriptCall["image"]): Promise<string> =>
    await runScript(script, { verb, image, timeLimitMs: limitMs }, signal, ({ status, stderr }) => {
      const words = stderr.trim();
      log(status === "0" ? 6 : 4, `${program} ${verb} ended: ${status}${words && `: ${truncateUtf8(words, 1_000)}`}`);
    });
  const act = async (verb: InstallVerb, image: VerifiedImage, signal: AbortSignal): Promise<void> =>
    void (await run(verb, signal, { ...image, path: await findCopy(image.sha256) }));
  return {
    name: "command",
    restart: null,
    prepare: async (image, signal) => void (await run("prepare", signal, image)),
    install: async (image, signal) => void (await run("install", signal, image)),
    arm: (image, signal) => act("arm", image, signal),
    runningVersion: async (signal) => parseRunningVersion(script, await run("running-version", signal)),
    healthy: async () => undefined, // The program has no such verb.
    commit: (image, signal) => act("commit", image, signal),
    revert: (image, signal) => act("revert", image, signal),
  };
}
