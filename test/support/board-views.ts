import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { RebootSnapshot, Snapshot, UpdateSnapshot } from "../../agent/contract/snapshot.ts";
import { parseBoardView, type BoardView } from "../../service-tools/boards/board-view.ts";
import { idleReboot, snapshotWith } from "./snapshots.ts";

interface Around {
  readonly connected?: boolean;
  readonly bootId?: string;
  readonly problems?: readonly string[] | null;
  readonly lastProvenUpdate?: Snapshot["lastProvenUpdate"];
  readonly desired?: JsonObject;
  readonly trust?: Snapshot["trust"];
}

/** The twin after an agent has reported this: through the agent's own projection, nulls left out. */
export function twinOf(
  update: Partial<UpdateSnapshot>,
  reboot: Partial<RebootSnapshot> = {},
  { connected = true, bootId = "boot-1", problems = null, lastProvenUpdate = null, desired = {}, trust }: Around = {},
): JsonObject {
  const snapshot = snapshotWith(update, {
    reboot: { ...idleReboot, ...reboot },
    lastProvenUpdate,
    ...(trust && { trust }),
  });
  const reported = reportedProperties({ ...snapshot, agent: { ...snapshot.agent, bootId, problems } });
  return withoutNulls({
    deviceId: "board-1",
    status: "enabled",
    connectionState: connected ? "Connected" : "Disconnected",
    lastActivityTime: "2026-01-02T03:00:00.000Z",
    properties: { desired: { $version: 1, ...desired }, reported },
  });
}

export function viewOf(...what: Parameters<typeof twinOf>): BoardView {
  return parseBoardView(twinOf(...what));
}

/** A hub keeps no null: reporting one removes the key. */
function withoutNulls(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value, (_key, member: unknown) => member ?? undefined));
}
