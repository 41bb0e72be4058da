import { expect, it } from "vitest";
import { methodTransport } from "../../../../../service-tools/local-hub/gateway/device-connections.ts";
import type { DeviceConnections } from "../../../../../service-tools/local-hub/gateway/device-connections.ts";

const board = { deviceId: "board-1" };

/** Connections of one board that has subscribed to these filters. */
function connectionsWith(filters: readonly string[]): { connections: DeviceConnections; sent: [string, string][] } {
  const sent: [string, string][] = [];
  const canReceive = (_target: object, wants: (filter: string) => boolean): boolean => filters.some(wants);
  const connections: DeviceConnections = {
    isConnected: () => true,
    canReceive,
    send: (target, wants, topic, payload) => canReceive(target, wants) && sent.push([topic, payload]) > 0,
    location: (target) => ({ endpoints: ["mqtt"], target }),
    disconnect: () => {},
  };
  return { connections, sent };
}

it.each([
  { filters: ["$iothub/methods/POST/#"], receives: true },
  { filters: ["$iothub/methods/POST/reboot/#"], receives: true },
  { filters: ["$iothub/methods/POST/update/#", "$iothub/twin/res/#"], receives: false },
  { filters: [], receives: false },
])("a method reaches a device that has subscribed to $filters: $receives", ({ filters, receives }) => {
  const { connections, sent } = connectionsWith(filters);
  const transport = methodTransport(connections);
  transport.sendMethod(board, "reboot", "1", "{}");
  expect(transport.canReceiveMethod(board, "reboot")).toBe(receives);
  expect(sent).toEqual(receives ? [["$iothub/methods/POST/reboot/?$rid=1", "{}"]] : []);
  expect(transport.location(board)).toEqual({ endpoints: ["mqtt"], target: board });
});
