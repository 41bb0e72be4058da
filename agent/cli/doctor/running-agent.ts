import { credentialPathUnit } from "../../config/paths.ts";
import { sectionAt, textAt, textsAt, type JsonObject } from "../../contract/json.ts";
import { formatPeriod } from "../format/format-period.ts";
import { findings, type Finding } from "./finding.ts";

/* What the running agent says about itself (`getStatus`), compared with what lies on disk: the files may be good and the agent not. */

const restart = "Restart the agent: sudo systemctl restart boardkeeper-agent";

/** What doctor has found on disk, to compare with what the running agent has read. */
export interface OnDisk {
  readonly stateDir: string;
  /** The version of the installed program. */
  readonly version: string;
  /** Fingerprint of the connection string; null where none was found. */
  readonly connectionString: string | null;
  /** Where it was found. */
  readonly connectionStringSource: string | undefined;
  /** ActiveState of the unit that restarts the service for another one; null where none watches that source. */
  readonly credentialWatch: string | null;
  /** The first settings file, and a fingerprint of the values in it and its drop-ins. */
  readonly settingsFile: string;
  readonly settings: string;
  /** Whether the settings on disk have mistakes: then a restart would not bring them into force. */
  readonly hasMistakes: boolean;
  /** Whether the hub has accepted a login with what lies on disk; null where none was tried. */
  readonly acceptedByHub: boolean | null;
}

/** @param status the answer to `getStatus`, on the board */
export function checkRunningAgent(status: JsonObject, disk: OnDisk): readonly Finding[] {
  return [
    checkLink(sectionAt(status, "link"), disk),
    ...checkReporting(sectionAt(sectionAt(status, "link"), "reporting")),
    ...checkCredentialInUse(sectionAt(status, "process"), disk),
    ...checkSettingsInForce(sectionAt(status, "process"), disk),
    ...checkStateFolder(sectionAt(status, "process"), disk.stateDir),
    ...checkVersion(sectionAt(status, "agent"), disk),
    ...checkProblems(sectionAt(status, "agent")),
    ...checkRemoteConfiguration(sectionAt(status, "config")),
  ];
}

const hubLink = findings("hub link");

function checkLink(link: JsonObject, { acceptedByHub }: OnDisk): Finding {
  const period = typeof link["forSeconds"] === "number" ? ` for ${formatPeriod(link["forSeconds"])}` : "";
  if (link["up"] === true) return hubLink.ok(`the running agent is connected${period}`);
  const diagnosis = textAt(link, "diagnosis");
  const reason = textAt(link, "reason");
  if (diagnosis === null && reason === null)
    return hubLink.unknown(`the running agent is not connected${period}: its first attempt is under way`);
  const last = reason === null ? "" : `; last: ${reason}`;
  const what = `the running agent is not connected${period}${last}`;
  const next = link["nextAttemptInSeconds"];
  const again = typeof next === "number" ? `It tries again in ${formatPeriod(next)}` : "It tries again now";
  if (acceptedByHub === true)
    return hubLink.fault(
      what,
      `The hub accepts a login with what lies on disk. ${again}. If it still is not connected then: ${lowerFirst(restart)}`,
    );
  return hubLink.fault(what, `${diagnosis ?? "Correct the faults below."} ${again}`);
}

const twin = findings("twin");

/** Whether the twin says what the board reports: to a service, a twin that takes no more looks like a board that does nothing. */
function checkReporting(reporting: JsonObject): readonly Finding[] {
  const message = textAt(reporting, "message");
  if (message === null) return [];
  const [what = message, ...advice] = message.replace(/\.$/, "").split(/\.\s(?=[A-Z])/);
  const level = textAt(reporting, "state") === "refused" ? "fault" : "warning";
  return [twin[level](what, advice.length === 0 ? undefined : advice.join(". "))];
}

const inUse = findings("credentials in use");

function checkCredentialInUse(process: JsonObject, disk: OnDisk): readonly Finding[] {
  const used = textAt(process, "connectionString");
  if (used === null || disk.connectionString === null) return [];
  if (used === disk.connectionString) return [inUse.ok("the running agent uses this connection string")];
  const source = disk.connectionStringSource ?? "the file";
  const what = `the running agent uses another connection string than ${source}, which has changed since the agent started`;
  if (disk.acceptedByHub === false) return [inUse.warning(what, `The hub refuses the one in ${source} too: see login`)];
  if (disk.credentialWatch !== "active") return [inUse.fault(what, restart)];
  const watched = `${credentialPathUnit} restarts it within seconds. If that does not happen, see why: journalctl -u boardkeeper-credential; then ${lowerFirst(restart)}`;
  return [inUse.fault(what, watched)];
}

const inForce = findings("settings in force");

function checkSettingsInForce(process: JsonObject, disk: OnDisk): readonly Finding[] {
  const used = textAt(process, "settings");
  // Somebody may examine another file than the one that the agent was started with.
  if (used === null || textAt(process, "settingsFile") !== disk.settingsFile) return [];
  if (used === disk.settings) return [inForce.ok("the running agent has read these settings")];
  return [
    inForce.warning(
      `${disk.settingsFile} or its drop-ins have changed since the agent started: the changes are not in force`,
      disk.hasMistakes ? "Correct the mistakes first (see configuration), then restart the agent" : restart,
    ),
  ];
}

const folder = findings("state folder in use");

function checkStateFolder(process: JsonObject, stateDir: string): readonly Finding[] {
  const state = textAt(process, "stateFolder");
  if (state !== "gone" && state !== "replaced") return [];
  const happened = state === "gone" ? "was deleted" : "was replaced by another folder";
  return [
    folder.fault(
      `${stateDir} ${happened} while the agent was running: what it had saved there is lost`,
      `${restart}. It begins with a clean state: an update or a reboot that was under way must be requested again`,
    ),
  ];
}

const version = findings("version");

function checkVersion(agent: JsonObject, disk: OnDisk): readonly Finding[] {
  const running = textAt(agent, "version");
  if (running === null || running === disk.version) return [];
  return [version.warning(`the running agent is ${running}, and ${disk.version} is installed`, restart)];
}

const problems = findings("problems");

function checkProblems(agent: JsonObject): readonly Finding[] {
  return textsAt(agent, "problems").map((problem) =>
    problems.warning(
      `the running agent reports: ${problem.replace(/\.$/, "")}`,
      "See its log: sudo boardkeeper-agent logs --level warn",
    ),
  );
}

const remote = findings("remote configuration");

function checkRemoteConfiguration(config: JsonObject): readonly Finding[] {
  if (textAt(config, "status") !== "refused") return [];
  const message = textAt(sectionAt(config, "error"), "message");
  return [
    remote.warning(
      `the settings from the hub (version ${JSON.stringify(config["version"] ?? null)}) are refused${message === null ? "" : `: ${message.replace(/\.$/, "")}`}`,
      "Correct the desired property boardkeeper, with boardkeeper configure; until then the settings before it are in force",
    ),
  ];
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
