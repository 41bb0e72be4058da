import { findings, type Finding } from "./finding.ts";

const found = findings("installer");

/** What root's install door says of itself: what it would run, why nothing, or why it says nothing. */
export type InstallHelperAnswer =
  | { readonly program: string }
  | { readonly refusal: string }
  | { readonly silence: string };

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
  /** Whose rights were tried. */
  readonly user: string;
  /** Where root runs it, the door to that. */
  readonly helper?: InstallHelperFacts | undefined;
}

export function checkInstaller({ kind, program, code, user, helper: door }: InstallerFacts): Finding {
  if (kind === "none") {
    return found.warning(
      "none is configured: reboots work, updates are refused",
      "Set update.installer, see docs/installers.md",
    );
  }
  if (kind === "command" && door !== undefined) return checkInstallHelper(door);
  if (kind !== "command" || program === null) return found.ok(kind);
  if (code === null) return found.ok(program);
  if (code === "ENOENT") return found.fault(`${program} is not there`, "Install it, or change update.command.program");
  return found.fault(`${user} cannot run ${program} (${code})`, `chmod 755 ${program}`);
}

function checkInstallHelper({ answer: word, socketState: bell }: InstallHelperFacts): Finding {
  const unit = "boardkeeper-install.socket";
  if ("silence" in word)
    return found.fault(
      word.silence,
      "Install the package, or the units from systemd/; or set update.command.as-root = false",
    );
  if ("refusal" in word) return found.fault(word.refusal, "Let root say which program it may run: docs/installers.md");
  if (bell === "active") return found.ok(`${word.program}, run by root's install helper`);
  return found.fault(
    `the install helper cannot be reached: ${unit} is ${bell ?? "missing, because there is no systemd here"}`,
    bell === null ? "Set update.command.as-root = false on this board" : `systemctl start ${unit}`,
  );
}
