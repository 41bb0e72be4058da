/* Paths and unit names on a board. The units in systemd/ and the package use the same. */

export const serviceUnit = "boardkeeper-agent.service";

/** The Node.js that a package carries. With the package for Debian's Node.js it is a link to that. */
export const packageNodePath = "/usr/lib/boardkeeper/node";

/** Root's reboot helper: the unit that starts it, and the folder for requests. */
export const rebootPathUnit = "boardkeeper-reboot.path";
export const helperFolder = "/run/boardkeeper";
export const rebootRequestFolder = `${helperFolder}/requests`;

/** Watches for another connection string, and has the agent restarted. */
export const credentialPathUnit = "boardkeeper-credential.path";

/** Root's install helper: the unit that starts it, its socket, and its program. */
export const installSocketUnit = "boardkeeper-install.socket";
export const installSocket = `${helperFolder}/install.sock`;
export const installHelperProgram = "/usr/lib/boardkeeper/install-door";

/** Where root's install helper unpacks releases. */
export const releaseFolder = "/var/lib/boardkeeper-release";

/** The helper holds this lock while it works. */
export const installLock = "/var/lib/boardkeeper-install/lock";

/** The owner's configuration: agent.toml and its drop-ins; readable by all. */
export const configFolder = "/etc/boardkeeper";

/** The owner's word on trust and on the installer `release`: written by root, obeyed by root's helper. */
export const boardConfigFile = `${configFolder}/board.conf`;

/** Where a board keeps what it trusts. */
export interface TrustPaths {
  /** The trusted store: root's helper writes it, and everybody may read it. */
  readonly store: string;
  /** The root that the owner has trusted first; the store is made anew from it. */
  readonly seed: string;
  readonly boardConfig: string;
}

/** Of a real board. The store lies where no slot owns it. */
export const trustPaths: TrustPaths = {
  store: "/var/lib/boardkeeper-trust",
  seed: `${configFolder}/root.json`,
  boardConfig: boardConfigFile,
};

/** Of a simulated board: all of it in its state folder. */
export function simulatedTrustPaths(stateDir: string): TrustPaths {
  const store = `${stateDir}/trust`;
  return { store, seed: `${store}/seed.json`, boardConfig: `${store}/board.conf` };
}

/** Metadata that the agent has downloaded: a cache, which nobody trusts. */
export function metadataCacheIn(stateDir: string): string {
  return `${stateDir}/metadata`;
}

/** The connection string, readable by root alone: systemd passes it to the service (LoadCredential= in the unit). */
export const credentialFile = `${configFolder}/credentials/connection-string`;

/** The name under which systemd passes it to the service. */
export const credentialName = "connection-string";

/** A file that systemd may pass to the service as its credential. */
export interface CredentialFile {
  readonly path: string;
  /** By systemd-creds(1), with a key of this board. */
  readonly isEncrypted: boolean;
  /** Whether the system was given it at boot: it does not change until the next one, and systemd hides it from a service's sandbox. */
  readonly isReceived?: boolean;
}

/** The folders that boardkeeper-credential.path watches, unless a drop-in adds others. */
export const watchedCredentialFolders: readonly string[] = [
  `${configFolder}/credentials`,
  "/etc/credstore",
  "/etc/credstore.encrypted",
];

/** The folder of the service's local API socket. The unit's RuntimeDirectory= makes it. */
const runtimeFolder = "/run/boardkeeper-agent";
const localApiSocketName = "control.sock";

/** The local API socket that an agent opens: in systemd's runtime folder, else in its state folder. */
export function localApiSocketOf(env: Readonly<Record<string, string | undefined>>, stateDir: string): string {
  const [runtime] = (env["RUNTIME_DIRECTORY"] ?? "").split(":"); // A list, where the unit names several.
  return `${runtime || stateDir}/${localApiSocketName}`;
}

/** The local API socket of an agent that systemd did not start. */
export function localApiSocketIn(stateDir: string): string {
  return `${stateDir}/${localApiSocketName}`;
}

/** Where the local API socket of another process's agent may be. The client must check that it serves the same state folder. */
export function localApiSocketCandidates(stateDir: string): readonly string[] {
  return [`${runtimeFolder}/${localApiSocketName}`, localApiSocketIn(stateDir)];
}

/** The files in the state folder. */
export const stateFileNames = {
  state: "state.json",
  /** The state before the last save. */
  previousState: "state.previous.json",
  /** How many boots of an uncommitted system there were. */
  bootCounter: "trials",
  lastKnownGoodConfig: "config.last-good.json",
  history: "history.json",
  hardwareInfo: "equipment.json",
  /** Disk space that is released when the disk is full. */
  reserve: "state.reserve",
} as const;

/** The files that are replaced atomically: written under a temporary name, then renamed. */
export const replacedFileNames = (
  ["state", "previousState", "bootCounter", "lastKnownGoodConfig", "history", "hardwareInfo"] as const
).map((which) => stateFileNames[which]);
