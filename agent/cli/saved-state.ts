import type { JsonObject } from "../contract/json.ts";
import { formatBoardkeeper } from "../contract/twin-formats/boardkeeper.ts";
import { describeReboot } from "../reboot/report.ts";
import type { AgentState } from "../operations/agent-state.ts";
import { describeUpdate } from "../update/report.ts";

/**
 * What can be said about a board on which no agent runs, in the words of `getStatus`: that of it which is saved.
 * @param bootId of this boot; null where it is not known
 */
export function savedState(saved: AgentState | undefined, bootId: string | null): JsonObject {
  if (saved === undefined) return { saved: false, rebootedSince: null };
  const { update, reboot } = formatBoardkeeper({
    agent: { version: "", mode: "systemd", startedAt: "", bootId: "", clockSynchronized: false, problems: null },
    board: { model: null, serial: null, os: null, kernel: null, arch: "", memoryBytes: 0, equipment: null },
    currentVersion: null,
    config: null,
    update: describeUpdate(saved, null),
    lastProvenUpdate: saved.lastProven,
    reboot: describeReboot(saved.reboot),
  });
  return {
    saved: true,
    rebootedSince: bootId === null ? null : bootId !== saved.bootId,
    update: update ?? null,
    reboot: reboot ?? null,
  };
}
