import { findings, type Finding } from "./finding.ts";

const service = findings("service");

export interface ServiceFacts {
  /** Whether an agent answers on the local API of this state folder. */
  readonly answers: boolean;
  /** Why an agent that runs does not answer, in sentences with advice; null where none runs, or it answers. */
  readonly silence: string | null;
  /** ActiveState of the unit; null where systemd does not run. */
  readonly active: string | null;
  /** UnitFileState; "" where there is no such unit. */
  readonly enabled: string | null;
}

export function checkService({ answers, silence, active, enabled }: ServiceFacts): Finding {
  const unit = "boardkeeper-agent";
  if (answers) {
    if (active === "active" && enabled !== "enabled" && enabled !== "")
      return service.warning("the agent runs, but will not start at the next boot", `systemctl enable ${unit}`);
    return service.ok("the agent runs");
  }
  if (silence !== null) {
    const [what = silence, ...advice] = silence.replace(/\.$/, "").split(/\. (?=[A-Z])/);
    return service.fault(lowerFirst(what), advice.join(". "));
  }
  if (active === null)
    return service.warning(
      "no agent runs, and systemd does not run here to start one",
      "Start it with: boardkeeper-agent run",
    );
  if (enabled === "")
    return service.fault(
      "boardkeeper-agent.service is not installed",
      "Install the package, or the units from systemd/",
    );
  if (active === "active" || active === "activating")
    return service.warning(
      `the service is ${active}, but its agent does not answer`,
      `See why: journalctl -u ${unit} -n 50`,
    );
  return service.warning(
    `the service is ${active}`,
    `sudo systemctl start ${unit}; see why it stopped: journalctl -u ${unit} -n 50`,
  );
}

const configuration = findings("configuration");

/** @param problems of the written configuration, without those of the connection string, which has its own check */
export function checkConfiguration(problems: readonly string[], warnings: readonly string[]): Finding {
  if (problems.length > 0)
    return configuration.fault(
      problems.join("; "),
      "Correct it, then restart the agent. docs/configuration.md explains each setting",
    );
  if (warnings.length > 0)
    return configuration.warning(warnings.join("; "), "Add what is missing, or change the setting");
  return configuration.ok("no mistake found");
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
