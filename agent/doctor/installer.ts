import { findings, type Finding } from "./finding.ts";

const found = findings("installer");

export interface InstallerFacts {
  readonly kind: string;
  readonly program: string | null;
  /** Null where the program can be run; else Node's code. */
  readonly code: string | null;
  /** Whose rights were tried. */
  readonly user: string;
}

export function judgeInstaller({ kind, program, code, user }: InstallerFacts): Finding {
  if (kind === "none") {
    return found.warning(
      "none is configured: reboots work, updates are refused",
      "Set update.installer, see docs/installers.md",
    );
  }
  if (kind !== "command" || program === null) return found.ok(kind);
  if (code === null) return found.ok(program);
  if (code === "ENOENT") return found.fault(`${program} is not there`, "Install it, or change update.command.program");
  return found.fault(`${user} cannot run ${program} (${code})`, `chmod 755 ${program}`);
}
