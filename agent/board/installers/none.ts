import { AgentError } from "../../lib/errors.ts";
import type { FileInstaller } from "../../update/ports.ts";

/** For boards without a configured installer: every step fails with `no-installer`. */
export function noInstaller(): FileInstaller {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new AgentError(
        "no-installer",
        "No installer is configured on this board. Set update.installer in its configuration.",
      ),
    );
  return {
    receives: "file",
    restart: "none",
    prepare: refuse,
    install: refuse,
    arm: refuse,
    runningVersion: () => Promise.resolve(null),
    healthy: refuse,
    commit: refuse,
    revert: refuse,
  };
}
