import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { systemTimer } from "../../../agent/board/hardware/clocks.ts";
import { parseHubAddress } from "../../../agent/hub/address.ts";
import { connectToAzure } from "../../../agent/hub/azure-connection.ts";
import { testHub } from "../../support/local-hub.ts";
import { quiet } from "../../support/logs.ts";
import type { Transport } from "../../support/azure-sdk.ts";

/** The number table of the copy of mqtt-packet that the SDK's mqtt.js loads, found as it finds it. */
function numberTable(): object {
  const sdk = createRequire(createRequire(import.meta.url).resolve("azure-iot-mqtt-base"));
  const mqtt = createRequire(sdk.resolve("mqtt"));
  const numbers = mqtt("mqtt-packet/numbers") as { readonly cache: object };
  return numbers.cache;
}

it.each<Transport>(["MQTT", "WebSockets"])(
  "builds no table of numbers to write packets, over %s",
  async (transport) => {
    const hub = await testHub();
    const address = parseHubAddress(await hub.addDevice("board-1"), {
      webSocket: transport === "WebSockets",
      webSocketPort: hub.ports.https,
    });
    if (!address.ok) throw new Error(address.problems.join());
    const connection = await connectToAzure(
      { address: address.value, ca: hub.ca, productInfo: "test", timer: systemTimer, log: quiet },
      new AbortController().signal,
    );
    expect((await connection.readTwin()).desiredVersion).toBe(1);
    expect(Object.keys(numberTable())).toHaveLength(0);
    await connection.close();
  },
);
