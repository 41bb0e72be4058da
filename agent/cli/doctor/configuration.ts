import { findings, type Finding } from "./finding.ts";

const found = findings("configuration");

/** @param problems of what is written, apart from the connection string, which has a check of its own */
export function checkConfiguration(problems: readonly string[], warnings: readonly string[]): Finding {
  if (problems.length > 0)
    return found.fault(problems.join("; "), "Mend it, then restart the agent. Each setting: docs/configuration.md");
  if (warnings.length > 0)
    return found.warning(warnings.join("; "), "Put there what is missing, or change the setting");
  return found.ok("without a mistake");
}
