import { readFile } from "node:fs/promises";
import device from "azure-iot-device"; // CommonJS whose names Node cannot see from outside.
import transports from "azure-iot-device-mqtt";

/*
 * What scripts/bench answer compares the agent with: the SDK as tutorials use it, in a process of its own, answering each
 * method at once and reporting after it what a tutorial's update reports first.
 */

const { IOTHUB_DEVICE_CONNECTION_STRING: connectionString = "", BOARDKEEPER_HUB_CA_FILE: caFile = "" } = process.env;
const client = device.Client.fromConnectionString(connectionString, transports.Mqtt);
await client.setOptions({ ca: await readFile(caFile, "utf8") });
await client.open();
const twin = await client.getTwin();
client.onDeviceMethod("getStatus", (_request, response) => void response.send(200, { Response: "fine" }));
const status: unknown = JSON.parse(process.env["BENCH_STATUS"] ?? "{}");
client.onDeviceMethod("getSameStatus", (_request, response) => void response.send(200, status));
client.onDeviceMethod("firmwareUpdate", (_request, response) => {
  void response.send(200, { Response: "Firmware update started" });
  twin.properties.reported["update"]({ firmwareStatus: "downloading", at: new Date().toISOString() }, () => undefined);
});
process.stdout.write("ready\n");
