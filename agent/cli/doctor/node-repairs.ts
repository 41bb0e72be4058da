import type { NodeFacts } from "../../board/probes/facts.ts";
import { packageNodePath } from "../../config/paths.ts";
import { findings, type Finding } from "./finding.ts";

const node = findings("node");

/** The last day on which each line of Node.js gets repairs. Source: schedule.json of the Node.js Release working group. */
const lastDays: ReadonlyMap<number, string> = new Map([
  [20, "2026-04-30"],
  [22, "2027-04-30"],
  [24, "2028-04-30"],
  [26, "2029-04-30"],
]);
/** The last one that there is for 32-bit ARM, of January 2024. */
const lastOf32BitArm = "20.11.0";
const dayMs = 86_400_000;

export interface NodeRepairsFacts extends NodeFacts {
  readonly nowMs: number;
  readonly synchronized: boolean;
}

/** Until when the Node.js that runs this gets repairs; by the board's clock, where a time server has set it. */
export function checkNodeRepairs(facts: NodeRepairsFacts): Finding {
  const { version, path, arch, debianVersion, osId, nowMs, synchronized } = facts;
  const isOwn = path === packageNodePath;
  const name = `Node.js ${version}, ${isOwn ? "which this package carries" : path}`;
  if (debianVersion !== null && isDebians(debianVersion, osId))
    return node.ok(`${name}: Debian's nodejs ${debianVersion}, which Debian repairs with the rest of the system`);
  const advice = isOwn
    ? "Install a newer release of this package, which carries a newer Node.js; or, where the system's nodejs is 20.19 or newer, the package for that (all.deb): Debian repairs it"
    : "Install a newer line of Node.js, or Debian's nodejs, and restart the agent";
  if (isOwn && arch === "arm" && version === lastOf32BitArm)
    return node.warning(
      `${name}, is of January 2024 and gets no repairs: there is no newer one for 32-bit ARM`,
      advice,
    );
  const last = lastDays.get(Number(version.split(".")[0]));
  if (last === undefined) return node.unknown(`${name}: this release does not know until when its line gets repairs`);
  const source = isOwn ? ", with new releases of this package" : "";
  if (!synchronized)
    return node.unknown(
      `${name}: its line gets repairs until ${last}; the clock is not set, so whether that has passed is not known`,
    );
  if (nowMs < Date.parse(last) + dayMs) return node.ok(`${name}: its line gets repairs until ${last}${source}`);
  return node.warning(`${name}: its line has had no repairs since ${last}, also not for security faults`, advice);
}

/**
 * Debian packs Node.js without what is not free, and says so in the version. Systems made from Debian take such packages, some
 * unchanged, and do not repair them as Debian does; Raspberry Pi OS takes Debian's repairs with them.
 */
function isDebians(version: string, osId: string | null): boolean {
  return version.includes("+dfsg") && !version.includes("ubuntu") && (osId === "debian" || osId === "raspbian");
}
