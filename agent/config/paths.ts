/* Where things lie on a board: the units in systemd/ and the package say the same. */

export const serviceUnit = "boardkeeper-agent.service";

/** Root's door to a reboot: what rings at it, and where requests are left. */
export const rebootPathUnit = "boardkeeper-reboot.path";
export const helperFolder = "/run/boardkeeper";
export const rebootRequestFolder = `${helperFolder}/requests`;

/** Root's door to the owner's installer: where it listens, what runs for each connection, and who says which program it is. */
export const installSocketUnit = "boardkeeper-install.socket";
export const installSocket = `${helperFolder}/install.sock`;
export const installHelperProgram = "/usr/lib/boardkeeper/install-door";

/** What the owner of the board writes: agent.toml and its drop-ins; readable by all. */
export const configFolder = "/etc/boardkeeper";

/** The connection string, for root alone: systemd hands it to the service (LoadCredential= in the unit). */
export const credentialFile = `${configFolder}/credentials/connection-string`;

/** Where the running service can be spoken to on the board. The unit's RuntimeDirectory= makes the folder. */
const runtimeFolder = "/run/boardkeeper-agent";
const localApiSocketName = "control.sock";

/** Where an agent opens its local door: in systemd's runtime folder, else in its state folder. */
export function localApiSocketOf(env: Readonly<Record<string, string | undefined>>, stateDir: string): string {
  const [runtime] = (env["RUNTIME_DIRECTORY"] ?? "").split(":"); // systemd may have made several.
  return `${runtime || stateDir}/${localApiSocketName}`;
}

/** Where the door of an agent may be whose surroundings are not known: only that of the same state folder is the right one. */
export function localApiSocketCandidates(stateDir: string): readonly string[] {
  return [`${runtimeFolder}/${localApiSocketName}`, `${stateDir}/${localApiSocketName}`];
}

/** What the agent keeps in its state folder. */
export const stateFileNames = {
  state: "state.json",
  /** The copy before. */
  previousState: "state.previous.json",
  /** How often a system was started on trial. */
  bootCounter: "trials",
  lastKnownGoodConfig: "config.last-good.json",
  history: "history.json",
  hardwareInfo: "equipment.json",
  /** Room that is kept back on a full disk. */
  reserve: "state.reserve",
} as const;

/** Those that are written beside their place and then put into it. */
export const replacedFileNames = (
  ["state", "previousState", "bootCounter", "lastKnownGoodConfig", "history", "hardwareInfo"] as const
).map((which) => stateFileNames[which]);
