import { findings, type Finding } from "./finding.ts";

const found = findings("installer");

/** What root's install door says of itself: what it would run, why nothing, or why it says nothing. */
export type DoorsWord = { readonly program: string } | { readonly refusal: string } | { readonly silence: string };

export interface DoorFacts {
  readonly word: DoorsWord;
  /** The state of its socket unit; null without systemd. */
  readonly bell: string | null;
}

export interface InstallerFacts {
  readonly kind: string;
  readonly program: string | null;
  /** Null where the program can be run; else Node's code. */
  readonly code: string | null;
  /** Whose rights were tried. */
  readonly user: string;
  /** Where root runs it, the door to that. */
  readonly door?: DoorFacts | undefined;
}

export function judgeInstaller({ kind, program, code, user, door }: InstallerFacts): Finding {
  if (kind === "none") {
    return found.warning(
      "none is configured: reboots work, updates are refused",
      "Set update.installer, see docs/installers.md",
    );
  }
  if (kind === "command" && door !== undefined) return judgeDoor(door);
  if (kind !== "command" || program === null) return found.ok(kind);
  if (code === null) return found.ok(program);
  if (code === "ENOENT") return found.fault(`${program} is not there`, "Install it, or change update.command.program");
  return found.fault(`${user} cannot run ${program} (${code})`, `chmod 755 ${program}`);
}

function judgeDoor({ word, bell }: DoorFacts): Finding {
  const unit = "boardkeeper-install.socket";
  if ("silence" in word)
    return found.fault(
      word.silence,
      "Install the package, or the units from systemd/; or set update.command.as-root = false",
    );
  if ("refusal" in word) return found.fault(word.refusal, "Let root say which program it may run: docs/installers.md");
  if (bell === "active") return found.ok(`${word.program}, run by root's door`);
  return found.fault(
    `nobody listens at root's install door: ${unit} is ${bell ?? "not there, for want of systemd"}`,
    bell === null ? "Set update.command.as-root = false on this board" : `systemctl start ${unit}`,
  );
}
