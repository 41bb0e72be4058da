import { readFileSync } from "node:fs";
import device from "azure-iot-device"; // CommonJS whose names Node cannot see from outside.
import transports from "azure-iot-device-mqtt";

/*
 * What scripts/bench idle compares the agent with: a device app as the reboot tutorial has it, on the same SDK. It connects,
 * waits for one method and answers it; nothing is saved, supervised or reported before that.
 */

const { CONNECTION_STRING: connectionString = "", CA_FILE: caFile = "" } = process.env;
const client = device.Client.fromConnectionString(connectionString, transports.Mqtt);

void client.setOptions({ ca: readFileSync(caFile, "utf8") }).then(async () => {
  await client.open();
  client.onDeviceMethod("getStatus", (_request, response) => void response.send(200, { Response: "fine" }));
  process.stdout.write("Waiting for the method.\n");
});
