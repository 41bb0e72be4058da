import { describe, expect, it } from "vitest";
import { parseHubAddress } from "../../../../agent/hub/address.ts";

const mqtt = { webSocket: false };

describe("a connection string", () => {
  it("names the hub, the device and the module", () => {
    const text = "HostName=hub.azure-devices.net;DeviceId=d1;ModuleId=m1;SharedAccessKey=c2VjcmV0PQ==\n";
    expect(parseHubAddress(text, mqtt)).toStrictEqual({
      ok: true,
      value: {
        connectionString: "HostName=hub.azure-devices.net;DeviceId=d1;ModuleId=m1;SharedAccessKey=c2VjcmV0PQ==",
        hostName: "hub.azure-devices.net",
        host: "hub.azure-devices.net",
        deviceId: "d1",
        moduleId: "m1",
        webSocket: false,
        mqttPort: 8883,
        webSocketPort: 443,
      },
    });
  });

  it.each([
    ["HostName=localhost:18443;DeviceId=d1;SharedAccessKey=a", undefined, "HostName=localhost;", 18_443],
    ["HostName=localhost:18883;DeviceId=d1;SharedAccessKey=a", 18_443, "HostName=localhost;", 18_443],
    ["HostName=h;DeviceId=d1;SharedAccessKey=a;GatewayHostName=localhost:9", undefined, "GatewayHostName=localhost", 9],
  ])("over WebSockets loses its port to the agent: %s", (text, webSocketPort, part, port) => {
    const address = parseHubAddress(text, { webSocket: true, webSocketPort });
    expect(address).toMatchObject({ ok: true, value: { webSocketPort: port } });
    expect(address.ok ? address.value.connectionString : "").toContain(part);
  });

  it.each([
    ["", 3],
    ["HostName=h;DeviceId=d", 1],
    ["hello", 3],
  ])("that lacks something is refused without being repeated: %s", (text, count) => {
    const address = parseHubAddress(`${text};Secret=xyz`, mqtt);
    expect(address.ok ? [] : address.problems).toHaveLength(count);
    expect(JSON.stringify(address)).not.toContain("xyz");
  });
});
