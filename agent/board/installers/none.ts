import { AgentError } from "../../lib/errors.ts";
import type { Installer } from "../../update/ports.ts";

/** For boards without a configured installer: every step fails with `no-installer`. */
export function noInstaller(): Installer {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new AgentError(
        "no-installer",
        "No installer is configured on this board. Set update.installer in its configuration.",
      ),
    );
  return {
    restart: "none",
    prepare: refuse,
    install: refuse,
    arm: refuse,
    runningVersion: () => Promise.resolve(null),
    commit: refuse,
    revert: refuse,
  };
}
