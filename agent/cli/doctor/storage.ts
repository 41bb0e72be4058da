import { serviceUnit } from "../../config/paths.ts";
import { findings, type Finding } from "./finding.ts";

export interface DiskFacts {
  readonly path: string;
  readonly freeBytes: number;
  /** Null where the file system does not count them. */
  readonly freeFiles: number | null;
}

/** Less than this, and the next save may fail. */
const neededBytes = 256 * 1_024;
const disk = findings("disk");

/** @param keepFreeBytes what images never take of it */
export function checkDisk({ path, freeBytes, freeFiles }: DiskFacts, keepFreeBytes: number): Finding {
  const clear = `Find what fills it: du -xh ${path} / | sort -h | tail; journalctl --vacuum-size=50M; apt clean`;
  if (freeBytes < neededBytes)
    return disk.fault(
      `the disk under ${path} is full: ${formatBytes(freeBytes)} are left, so nothing can be saved`,
      clear,
    );
  if (freeFiles === 0) return disk.fault(`the disk under ${path} has room, but for no further file (inodes)`, clear);
  if (freeBytes <= keepFreeBytes) {
    return disk.warning(
      `${formatBytes(freeBytes)} are left under ${path}, and ${formatBytes(keepFreeBytes)} of them are kept free: no image fits`,
      `${clear}. Or lower update.keep-free`,
    );
  }
  return disk.ok(`${formatBytes(freeBytes)} are left under ${path}`);
}

export interface FolderFacts {
  readonly path: string;
  /** Null where a file could be written and synced; else Node's code. */
  readonly code: string | null;
  readonly exists: boolean;
  /** Whose rights were tried. */
  readonly user: string;
}

/** Which of the agent's folders is looked at, and what moves it. */
export const stateFolder = { check: "state folder", setting: "agent.state-dir" } as const;
export const stagingFolder = { check: "staging folder", setting: "update.staging-dir" } as const;

/** @param isShut whether systemd keeps the service from it, whatever the folder's permissions: see isShutToService */
export function checkFolder(
  { path, code, exists, user }: FolderFacts,
  { check, setting }: typeof stateFolder | typeof stagingFolder,
  isShut: boolean,
): Finding {
  const folder = findings(check);
  if (code === null && isShut) {
    return folder.fault(
      `${user} may write in ${path}, but the sandbox of ${serviceUnit} does not let it`,
      openToService(path),
    );
  }
  if (code === null) return folder.ok(exists ? `${path}, writable by ${user}` : `${path} can be made by ${user}`);
  switch (code) {
    case "EROFS":
      return folder.fault(
        `${path} lies on a file system that is mounted read-only, so nothing can be saved`,
        `Linux does that to a disk with errors: look at dmesg. Else mount it writable (mount -o remount,rw), or set ${setting} to a writable partition`,
      );
    case "EACCES":
    case "EPERM":
      return folder.fault(
        `${user} may not write in ${path}`,
        `chown -R ${user} ${path}; under systemd, StateDirectory= in the unit does it`,
      );
    case "ENOSPC":
    case "EDQUOT":
      return folder.fault(`nothing can be written in ${path}: the disk is full`, "Free some space, see disk");
    case "EIO":
      return folder.fault(`writing in ${path} fails (EIO): the disk is worn out or unplugged`, "Replace the storage");
    default:
      return folder.fault(`${path} cannot be used (${code})`, `Set ${setting} to a folder that can`);
  }
}

/** Of a unit, as `systemctl show` says them; a later systemd may add words to the names of folders. */
export type UnitProperties = ReadonlyMap<string, string>;
export const sandboxProperties = ["ProtectSystem", "ReadWritePaths", "StateDirectory"] as const;

/** True where ProtectSystem=strict shuts a folder, and neither ReadWritePaths= nor StateDirectory= opens it: systemd.exec(5). */
export function isBlockedBySandbox(path: string, unit: UnitProperties): boolean {
  if (unit.get("ProtectSystem") !== "strict") return false;
  const words = (property: string): string[] => (unit.get(property) ?? "").split(" ").filter((word) => word !== "");
  const open = [
    ...words("ReadWritePaths").map((word) => word.replace(/^[-+]+/, "").replace(/\/+$/, "")),
    ...words("StateDirectory").map((word) => `/var/lib/${word.split(":")[0] ?? ""}`),
  ];
  return !open.some((one) => path === one || path.startsWith(`${one}/`));
}

function openToService(path: string): string {
  const dropIn = `/etc/systemd/system/${serviceUnit}.d`;
  const text = `printf '[Service]\\nReadWritePaths=${path}\\n' >${dropIn}/folders.conf`;
  return `Open it: mkdir -p ${dropIn}; ${text}; systemctl daemon-reload; systemctl restart ${serviceUnit}`;
}

function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [bytes, 0];
  for (; value >= 1_024 && unit < units.length - 1; unit += 1) value /= 1_024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
