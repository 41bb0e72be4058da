import type { InstallHelperAnswer } from "../../board/probes/facts.ts";
import { installSocketUnit } from "../../config/paths.ts";
import { findings, type Finding } from "./finding.ts";

const installer = findings("installer");

export interface InstallHelperFacts {
  readonly answer: InstallHelperAnswer;
  /** The state of its socket unit; null without systemd. */
  readonly socketState: string | null;
}

export interface InstallerFacts {
  readonly kind: string;
  readonly program: string | null;
  /** Null where the program can be run; else Node's code. */
  readonly code: string | null;
  /** The user whose rights were tried. */
  readonly user: string;
  /** Present where root runs the program. */
  readonly helper?: InstallHelperFacts | undefined;
}

export function checkInstaller({ kind, program, code, user, helper }: InstallerFacts): Finding {
  if (kind === "none") {
    return installer.warning(
      "none is configured: reboots work, updates are refused",
      "Set update.installer, see docs/installers.md",
    );
  }
  if (kind === "release" && helper !== undefined) return checkReleaseHelper(helper);
  if (kind === "command" && helper !== undefined) return checkInstallHelper(helper);
  if (kind !== "command" || program === null) return installer.ok(kind);
  if (code === null) return installer.ok(program);
  if (code === "ENOENT")
    return installer.fault(`${program} does not exist`, "Install it, or change update.command.program");
  return installer.fault(`${user} cannot run ${program} (${code})`, `chmod 755 ${program}`);
}

/** Which program the owner names for `command` does not matter here. */
function checkReleaseHelper({ answer, socketState }: InstallHelperFacts): Finding {
  if ("noAnswer" in answer) return installer.fault(answer.noAnswer, "Install the package, or the units from systemd/");
  return socketState === "active"
    ? installer.ok("release, by root's install helper")
    : installer.fault(
        unreachable(socketState),
        socketState === null
          ? "Set update.installer for a board without systemd"
          : `systemctl start ${installSocketUnit}`,
      );
}

function unreachable(socketState: string | null): string {
  return `the install helper cannot be reached: ${installSocketUnit} is ${socketState ?? "missing, because systemd does not run here"}`;
}

function checkInstallHelper({ answer, socketState }: InstallHelperFacts): Finding {
  if ("noAnswer" in answer)
    return installer.fault(
      answer.noAnswer,
      "Install the package, or the units from systemd/; or set update.command.as-root = false",
    );
  if ("refusal" in answer)
    return installer.fault(answer.refusal, "Name the program that root may run: see docs/installers.md");
  if (socketState === "active") return installer.ok(`${answer.program}, run by root's install helper`);
  return installer.fault(
    unreachable(socketState),
    socketState === null ? "Set update.command.as-root = false on this board" : `systemctl start ${installSocketUnit}`,
  );
}
