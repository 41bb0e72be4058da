import { describe, expect, it } from "vitest";
import { validateConnectionString } from "../../../../agent/config/connection-string.ts";

const key = "c2VjcmV0LXNlY3JldA==";
const device = `HostName=my-hub.azure-devices.net;DeviceId=board-1;SharedAccessKey=${key}`;

describe("a connection string that is accepted", () => {
  it.each([
    ["a device's", device, { hostName: "my-hub.azure-devices.net", deviceId: "board-1", moduleId: undefined }],
    ["a module's", device.replace(";Shared", ";ModuleId=keeper;Shared"), { moduleId: "keeper" }],
    ["one with a line end", `  ${device}\n`, { deviceId: "board-1" }],
    ["a local hub's", device.replace("my-hub.azure-devices.net", "localhost:18883"), { host: "localhost" }],
    ["one behind a gateway", `${device};GatewayHostName=edge.local`, { host: "edge.local" }],
    ["one with a key of 32 bytes", device.replace(key, "A".repeat(43) + "="), { deviceId: "board-1" }],
  ])("%s connection string", (_what, text, expected) => {
    expect(validateConnectionString(text)).toMatchObject({ ok: true, value: expected });
  });
});

describe("a connection string that is refused", () => {
  it.each([
    ["nothing", "  \n", /is empty/],
    ["two lines", `${device}\n${device}`, /more than one line/],
    [
      "the hub's own",
      `HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=${key}`,
      /never be stored on a board/,
    ],
    ["a signature", "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=h", /expires/],
    ["a certificate's", "HostName=h;DeviceId=d;x509=true", /certificate, which this release does not support/],
    ["one cut off in its key", device.slice(0, -3), /SharedAccessKey is not base64/],
    ["one without a key", "HostName=h;DeviceId=d", /SharedAccessKey is missing/],
    ["one without a device", `HostName=h;SharedAccessKey=${key}`, /DeviceId is missing/],
    ["a URL for a host", device.replace("my-hub", "https://my-hub"), /HostName is not a host name/],
    ["a URL for a gateway", `${device};GatewayHostName=https://edge`, /GatewayHostName is not/],
    ["a device with a space", device.replace("board-1", "board 1"), /DeviceId has characters/],
    ["a module with a slash", device.replace(";Shared", ";ModuleId=a/b;Shared"), /ModuleId has characters/],
  ])("%s", (_what, text, problem) => {
    const checked = validateConnectionString(text);
    expect(checked.ok).toBe(false);
    const problems = checked.ok ? "" : checked.problems.join("; ");
    expect(problems).toMatch(problem);
    expect(problems).not.toContain(key.slice(0, 8));
  });
});
