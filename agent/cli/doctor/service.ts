import { findings, type Finding } from "./finding.ts";

const found = findings("service");

export interface ServiceFacts {
  /** Whether an agent answers at the door of this state folder. */
  readonly answers: boolean;
  /** ActiveState of the unit; null where no systemd is in charge. */
  readonly active: string | null;
  /** UnitFileState; "" where there is no such unit. */
  readonly enabled: string | null;
}

export function checkService({ answers, active, enabled }: ServiceFacts): Finding {
  const unit = "boardkeeper-agent";
  if (answers) {
    if (active === "active" && enabled !== "enabled" && enabled !== "")
      return found.warning("the agent runs, but not after the next boot", `systemctl enable ${unit}`);
    return found.ok("the agent runs");
  }
  if (active === null)
    return found.warning("no agent runs, and no systemd is here to start one", "boardkeeper-agent run");
  if (enabled === "")
    return found.fault("systemd knows no boardkeeper-agent.service", "Install the package, or the units from systemd/");
  if (active === "active" || active === "activating")
    return found.warning(`the service is ${active}, but its agent does not answer`, `journalctl -u ${unit} -n 50`);
  return found.warning(
    `the service is ${active}`,
    `sudo systemctl start ${unit}; why it is so: journalctl -u ${unit} -n 50`,
  );
}
