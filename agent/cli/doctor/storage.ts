import type { DiskFacts, FolderFacts } from "../../board/probes/facts.ts";
import { serviceUnit } from "../../config/paths.ts";
import { findings, type Finding } from "./finding.ts";

const disk = findings("disk");

/** With less than this, the next save of the state may fail. */
const neededBytes = 256 * 1_024;

/** @param keepFreeBytes how much of the disk images never take */
export function checkDisk({ path, freeBytes, freeFiles }: DiskFacts, keepFreeBytes: number): Finding {
  const advice = `Find what fills it: du -xh ${path} / | sort -h | tail; journalctl --vacuum-size=50M; apt clean`;
  if (freeBytes < neededBytes)
    return disk.fault(
      `the disk under ${path} is full: ${formatBytes(freeBytes)} free, so nothing can be saved`,
      advice,
    );
  if (freeFiles === 0) return disk.fault(`the disk under ${path} has space, but no free inode for a new file`, advice);
  if (freeBytes <= keepFreeBytes) {
    return disk.warning(
      `${formatBytes(freeBytes)} free under ${path}, and ${formatBytes(keepFreeBytes)} must stay free: no image fits`,
      `${advice}. Or lower update.keep-free`,
    );
  }
  return disk.ok(`${formatBytes(freeBytes)} free under ${path}`);
}

/** The agent's folders, and the setting that moves each. */
export const stateFolder = { check: "state folder", setting: "agent.state-dir" } as const;
export const stagingFolder = { check: "staging folder", setting: "update.staging-dir" } as const;

/** @param isBlocked whether the service's sandbox blocks the folder, whatever its permissions: see isBlockedBySandbox */
export function checkFolder(
  { path, code, exists, user }: FolderFacts,
  { check, setting }: typeof stateFolder | typeof stagingFolder,
  isBlocked: boolean,
): Finding {
  const folder = findings(check);
  if (code === null && isBlocked) {
    return folder.fault(
      `${user} may write in ${path}, but the sandbox of ${serviceUnit} does not allow it`,
      adviceToOpen(path),
    );
  }
  if (code === null) return folder.ok(exists ? `${path}, writable by ${user}` : `${path} can be made by ${user}`);
  switch (code) {
    case "EROFS":
      return folder.fault(
        `${path} is on a file system that is mounted read-only, so nothing can be saved`,
        `Linux does that to a disk with errors: see dmesg. Otherwise mount it writable (mount -o remount,rw), or set ${setting} to a writable partition`,
      );
    case "EACCES":
    case "EPERM":
      return folder.fault(
        `${user} may not write in ${path}`,
        `chown -R ${user} ${path}; under systemd, StateDirectory= in the unit does it`,
      );
    case "ENOSPC":
    case "EDQUOT":
      return folder.fault(
        `nothing can be written in ${path}: the disk is full`,
        "Free some space, see the check of the disk",
      );
    case "EIO":
      return folder.fault(`writing in ${path} fails (EIO): the disk is worn out or unplugged`, "Replace the disk");
    default:
      return folder.fault(`${path} cannot be used (${code})`, `Set ${setting} to another folder`);
  }
}

/** Properties of a unit, as `systemctl show` prints them; a later systemd may add words to the names of folders. */
export type UnitProperties = ReadonlyMap<string, string>;
export const sandboxProperties = ["ProtectSystem", "ReadWritePaths", "StateDirectory"] as const;

/** True where ProtectSystem=strict blocks a folder, and neither ReadWritePaths= nor StateDirectory= opens it: systemd.exec(5). */
export function isBlockedBySandbox(path: string, unit: UnitProperties): boolean {
  if (unit.get("ProtectSystem") !== "strict") return false;
  const words = (property: string): string[] => (unit.get(property) ?? "").split(" ").filter((word) => word !== "");
  const open = [
    ...words("ReadWritePaths").map((word) => word.replace(/^[-+]+/, "").replace(/\/+$/, "")),
    ...words("StateDirectory").map((word) => `/var/lib/${word.split(":")[0] ?? ""}`),
  ];
  return !open.some((one) => path === one || path.startsWith(`${one}/`));
}

function adviceToOpen(path: string): string {
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
