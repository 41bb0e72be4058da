import { findings, type Finding } from "./finding.ts";

const found = findings("reboot");

/** How the agent would reboot the board, and what stands in the way of that. */
export type RebootFacts =
  | { readonly how: "simulated" }
  /** A program of the owner's. `code`: null where it can be run. */
  | { readonly how: "program"; readonly program: string; readonly code: string | null; readonly user: string }
  /** systemctl: what logind says to this user; null where nobody answers. */
  | { readonly how: "logind"; readonly answer: string | null; readonly user: string }
  /** Root's door. `code`: null where a request can be left there; `bell`: the state of its path unit, null without systemd. */
  | {
      readonly how: "door";
      readonly folder: string;
      readonly code: string | null;
      readonly bell: string | null;
      readonly user: string;
    };

export function checkReboot(facts: RebootFacts): Finding {
  switch (facts.how) {
    case "simulated":
      return found.ok("the simulated board reboots itself");
    case "program":
      return facts.code === null
        ? found.ok(`by ${facts.program}`)
        : found.fault(
            `${facts.user} cannot run ${facts.program} (${facts.code})`,
            "Change reboot.command, or make it executable",
          );
    case "logind":
      return checkLogind(facts.answer, facts.user);
    case "door":
      return checkRebootHelper(facts);
  }
}

/** CanReboot() of org.freedesktop.login1.Manager: yes, no, challenge or na. */
function checkLogind(answer: string | null, user: string): Finding {
  if (answer === "yes") return found.ok(`logind lets ${user} reboot the board`);
  if (answer === null) {
    return found.fault(
      "systemd-logind does not answer: nobody can be asked for a reboot",
      "Start it: systemctl start systemd-logind dbus. On a board without systemd set reboot.command to a program that reboots it",
    );
  }
  return found.fault(
    `logind does not let ${user} reboot the board without a password (it says "${answer}")`,
    "Install the units from systemd/, with the door to a reboot, or a polkit rule for this user",
  );
}

function checkRebootHelper({ folder, code, bell, user }: Extract<RebootFacts, { how: "door" }>): Finding {
  const unit = "boardkeeper-reboot.path";
  if (code === "ENOENT") {
    return found.fault(
      `there is no reboot door on this board (${folder} is missing)`,
      "Install the units from systemd/, then: systemd-tmpfiles --create boardkeeper.conf. Or set reboot.command",
    );
  }
  if (code !== null) {
    return found.fault(
      `${user} may not ask for a reboot: no request can be left in ${folder} (${code})`,
      "Give the folder back to the agent's user: systemd-tmpfiles --create boardkeeper.conf",
    );
  }
  if (bell === "active") return found.ok(`through root's door, which ${user} may use`);
  return found.fault(
    `nobody watches root's reboot door: ${unit} is ${bell ?? "not there, for want of systemd"}`,
    bell === null ? "Set reboot.command to a program that reboots this board" : `systemctl start ${unit}`,
  );
}
