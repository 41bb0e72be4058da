import { rebootPathUnit } from "../../config/paths.ts";
import { findings, type Finding } from "./finding.ts";

const reboot = findings("reboot");

/** How the agent would reboot the board, and what prevents it. `code`: null where it would work; else Node's code. */
export type RebootFacts =
  | { readonly how: "simulated" }
  /** The owner's program. */
  | { readonly how: "program"; readonly program: string; readonly code: string | null; readonly user: string }
  /** systemctl: logind's answer to this user; null where logind does not answer. */
  | { readonly how: "logind"; readonly answer: string | null; readonly user: string }
  /** Root's reboot helper: whether a request can be written, and the state of its path unit (null without systemd). */
  | {
      readonly how: "helper";
      readonly requestFolder: string;
      readonly code: string | null;
      readonly pathState: string | null;
      readonly user: string;
    };

export function checkReboot(facts: RebootFacts): Finding {
  switch (facts.how) {
    case "simulated":
      return reboot.ok("the simulated board reboots itself");
    case "program":
      return facts.code === null
        ? reboot.ok(`by ${facts.program}`)
        : reboot.fault(
            `${facts.user} cannot run ${facts.program} (${facts.code})`,
            "Change reboot.command, or make it executable",
          );
    case "logind":
      return checkLogind(facts.answer, facts.user);
    case "helper":
      return checkRebootHelper(facts);
  }
}

/** CanReboot() of org.freedesktop.login1.Manager: yes, no, challenge or na. */
function checkLogind(answer: string | null, user: string): Finding {
  if (answer === "yes") return reboot.ok(`logind lets ${user} reboot the board`);
  if (answer === null) {
    return reboot.fault(
      "systemd-logind does not answer, so it cannot be asked for a reboot",
      "Start it: systemctl start systemd-logind dbus. On a board without systemd set reboot.command to a program that reboots it",
    );
  }
  return reboot.fault(
    `logind does not let ${user} reboot the board without a password (its answer: "${answer}")`,
    "Install the units from systemd/, which bring the reboot helper, or a polkit rule for this user",
  );
}

function checkRebootHelper({ requestFolder, code, pathState, user }: Extract<RebootFacts, { how: "helper" }>): Finding {
  if (code === "ENOENT") {
    return reboot.fault(
      `the reboot helper is not installed (${requestFolder} is missing)`,
      "Install the units from systemd/, then: systemd-tmpfiles --create boardkeeper.conf. Or set reboot.command",
    );
  }
  if (code !== null) {
    return reboot.fault(
      `${user} cannot ask for a reboot: writing a request in ${requestFolder} fails (${code})`,
      "Give the folder back to the agent's user: systemd-tmpfiles --create boardkeeper.conf",
    );
  }
  if (pathState === "active") return reboot.ok(`by root's reboot helper, which ${user} may ask`);
  return reboot.fault(
    `the reboot helper does not see requests: ${rebootPathUnit} is ${pathState ?? "missing, because systemd does not run here"}`,
    pathState === null
      ? "Set reboot.command to a program that reboots this board"
      : `systemctl start ${rebootPathUnit}`,
  );
}
