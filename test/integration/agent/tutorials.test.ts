import { request as httpsRequest } from "node:https";
import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { sasToken } from "../../support/sas-token.ts";
import { TestBoard } from "../../support/test-board.ts";

/*
 * The service apps of Microsoft's tutorials, ported line by line: the same calls in the same order, the same searches in
 * the twin's text, the same slices. Only their pauses are left out: they ask again at once.
 *
 * Sources: the Python tutorials "Get started with device management" and "Firmware update" (v1 and v2 of the SDK); the
 * Node tutorials of the same names (articles/iot-hub/iot-hub-node-node-device-management-get-started.md and
 * iot-hub-node-node-firmware-update.md of MicrosoftDocs/azure-docs); "Implement a device firmware update process".
 */

const deviceId = "board-1";

/** The simulated board of the laptop: rehearsals are allowed, with pauses long enough for a poller to see something. */
async function tutorial(): Promise<{ hub: LocalHub; board: TestBoard }> {
  const hub = await testHub();
  const board = await TestBoard.start(hub, { deviceId, settings: { "simulation.pause-seconds": 0.05 } });
  return { hub, board };
}

/** azure-iothub-service-client (Python v1) works with the texts of the REST API. */
class PythonV1 {
  readonly #hub: LocalHub;
  readonly #token: string;

  constructor(hub: LocalHub) {
    this.#hub = hub;
    const key = /SharedAccessKey=(.*)$/.exec(hub.serviceConnectionString())?.[1] ?? "";
    this.#token = sasToken(hub.hostName, key, Math.ceil(Date.now() / 1_000) + 3_600, "iothubowner");
  }

  /** IoTHubDeviceTwin.get_twin: the body as it came. */
  get_twin(device: string): Promise<string> {
    return this.#send("GET", `/twins/${device}`);
  }

  /** IoTHubDeviceMethod.invoke: the payload is JSON text that goes into the request as it is. */
  async invoke(device: string, name: string, payload: string, timeout: number): Promise<string> {
    const body = `{"methodName":"${name}","responseTimeoutInSeconds":${timeout},"connectTimeoutInSeconds":${timeout},"payload":${payload}}`;
    return await this.#send("POST", `/twins/${device}/methods`, body);
  }

  #send(method: string, path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: "localhost",
          path: `${path}?api-version=2017-06-30`,
          method,
          agent: this.#hub.httpsAgent(),
          headers: { authorization: this.#token, "content-type": "application/json" },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
          response.on("end", () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text))));
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }
}

/** A poller sees what it comes by, but in this order, and the last of it for certain. */
function expectInOrder(seen: string[], order: string[]): void {
  let position = 0;
  for (const one of seen) {
    const found = order.indexOf(one, position);
    expect(found, `${one} after ${order[position]}`).toBeGreaterThanOrEqual(position);
    position = found;
  }
  expect(seen.at(-1)).toBe(order.at(-1));
}

describe("Get started with device management (Python)", () => {
  it("v1: rebootDevice, until rebootTime stands in the twin's text", async () => {
    const { hub, board } = await tutorial();
    const iothub = new PythonV1(hub);
    const METHOD_PAYLOAD = '{"method_number":"42"}';
    for (let run = 1; run <= 2; run += 1) {
      const response = await iothub.invoke(deviceId, "rebootDevice", METHOD_PAYLOAD, 60);
      expect(response).toContain('"Response":"');
      let last_reboot_time = "";
      for (;;) {
        const twin_info = await iothub.get_twin(deviceId);
        if (twin_info.indexOf("rebootTime") !== -1) {
          last_reboot_time = twin_info.slice(
            twin_info.indexOf("rebootTime") + 11,
            twin_info.indexOf("rebootTime") + 37,
          );
          break;
        }
      }
      expect(last_reboot_time).toMatch(/^:"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(board.boots).toBe(1 + run); // The second run did not take the first one's time for its own.
    }
  });

  it("v2: rebootDevice with the payload as a JSON string, until the property is there", async () => {
    const { hub, board } = await tutorial();
    const { registry, client } = serviceClients(hub);
    const METHOD_PAYLOAD = '{"method_number":"42"}';
    const { result } = await client.invokeDeviceMethod(deviceId, {
      methodName: "rebootDevice",
      payload: METHOD_PAYLOAD,
      connectTimeoutInSeconds: 30,
    });
    expect(result).toMatchObject({ status: 200 });
    for (;;) {
      const { responseBody: twin_info } = await registry.getTwin(deviceId);
      if (twin_info.properties.reported["rebootTime"] !== undefined) break;
    }
    expect(board.boots).toBe(2);
  });
});

describe("Firmware update (Python)", () => {
  it("firmwareUpdate, until the text says that it is completed, again and again", async () => {
    const { hub, board } = await tutorial();
    const iothub = new PythonV1(hub);
    const METHOD_PAYLOAD = '{"fwPackageUri":"test.com"}';
    for (let run = 1; run <= 2; run += 1) {
      const payload = await iothub.invoke(deviceId, "firmwareUpdate", METHOD_PAYLOAD, 60);
      expect(payload).toContain('"Response":"Firmware update started"');
      const printed: string[] = [];
      for (;;) {
        const twin_info = await iothub.get_twin(deviceId);
        if (twin_info.includes('"firmwareStatus":"standBy"')) printed.push("Waiting on device...");
        else if (twin_info.includes('"firmwareStatus":"downloading"')) printed.push("Downloading firmware...");
        else if (twin_info.includes('"firmwareStatus":"applying"'))
          printed.push("Download complete, applying firmware...");
        else if (twin_info.includes('"firmwareStatus":"completed"')) {
          printed.push("Firmware applied");
          break;
        } else printed.push("Unknown status");
      }
      expectInOrder(printed, [
        "Waiting on device...",
        "Downloading firmware...",
        "Download complete, applying firmware...",
        "Firmware applied",
      ]);
      expect(board.boots).toBe(1 + run);
    }
    expect(await board.runningVersion()).toBe("1.0.0"); // A rehearsal changes no version.
  });
});

describe("Get started with device management (Node)", () => {
  it("reboot with null, until iothubDM.reboot.lastReboot", async () => {
    const { hub, board } = await tutorial();
    const { registry, client } = serviceClients(hub);
    await client.invokeDeviceMethod(deviceId, { methodName: "reboot", payload: null, connectTimeoutInSeconds: 30 });
    for (;;) {
      const { responseBody: twin } = await registry.getTwin(deviceId);
      if (twin.properties.reported["iothubDM"] !== null) {
        const lastRebootTime: unknown = twin.properties.reported["iothubDM"].reboot.lastReboot;
        if (lastRebootTime !== undefined) break;
      }
    }
    expect(board.boots).toBe(2);
  });
});

describe("Firmware update (Node)", () => {
  it("firmwareUpdate with the payload as a JSON string, until iothubDM.firmwareUpdate is complete", async () => {
    const { hub } = await tutorial();
    const { registry, client } = serviceClients(hub);
    const params = { fwPackageUri: "https://secureurl" };
    await client.invokeDeviceMethod(deviceId, {
      methodName: "firmwareUpdate",
      payload: JSON.stringify(params),
      connectTimeoutInSeconds: 30,
    });
    const seen: string[] = [];
    while (seen.at(-1) !== "applyComplete") {
      const { responseBody: twin } = await registry.getTwin(deviceId);
      seen.push(twin.properties.reported["iothubDM"].firmwareUpdate.status);
    }
    expectInOrder(seen, ["waiting", "downloading", "downloadComplete", "applying", "applyComplete"]);
  });
});

describe("Implement a device firmware update process", () => {
  it("desired firmware, until firmware.fwUpdateStatus is current again", async () => {
    const { hub } = await tutorial();
    const { registry } = serviceClients(hub);
    const { responseBody: twin } = await registry.getTwin(deviceId);
    const firmware = {
      fwVersion: "2.8.5",
      fwPackageURI: "https://secureuri/package.bin",
      fwPackageCheckValue: "123456abcde",
    };
    await twin.update({ properties: { desired: { firmware } } });
    const seen: string[] = [];
    for (;;) {
      const { responseBody } = await registry.getTwin(deviceId);
      const { fwUpdateStatus, pendingFwVersion } = responseBody.properties.reported["firmware"] ?? {};
      if (pendingFwVersion === "2.8.5") seen.push(fwUpdateStatus);
      if (seen.length > 0 && pendingFwVersion === "") break;
    }
    expectInOrder([...seen, "current"], ["current", "downloading", "verifying", "applying", "rebooting", "current"]);
  });
});
