import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { hubWith, testHub } from "../../support/local-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { callRest, jsonOf } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";

const startHub = async (): Promise<LocalHub> => hubWith(["board-1", "board-1/agent"]);

describe("a direct method", () => {
  const reboot = { methodName: "reboot", payload: {} };

  it("waits for a device that connects", async () => {
    const hub = await startHub();
    const response = callRest(hub, "POST", "/twins/board-1/methods", { ...reboot, connectTimeoutInSeconds: 20 });
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    const { topic } = await raw.next("$iothub/methods/POST/reboot/");
    raw.client.publish(`$iothub/methods/res/200/?$rid=${topic.split("$rid=")[1]}`, "{}");
    expect((await response).body).toBe('{"status":200,"payload":{}}');
  });

  it("ends with 504 when the device does not answer", async () => {
    const clock = new ManualClock();
    const hub = await testHub({ clock });
    await hub.addDevice("board-1");
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    const response = callRest(hub, "POST", "/twins/board-1/methods", { ...reboot, responseTimeoutInSeconds: 5 });
    await raw.next("$iothub/methods/POST/");
    clock.advance(5000);
    expect((await response).status).toBe(504);
    expect((await response).body).toContain(
      String.raw`\"message\":\"Timed out waiting for the response from device.\"`,
    );
  });

  it("ends at once when the device disconnects", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    const response = callRest(hub, "POST", "/twins/board-1/methods", reboot);
    await raw.next("$iothub/methods/POST/");
    raw.client.end(true);
    expect([(await response).status, (await response).headers["iothub-errorcode"]]).toEqual([
      404,
      "DeviceConnectionClosedRemotely",
    ]);
  });

  it("with a response that is not JSON is 502", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/reboot/#");
    const response = callRest(hub, "POST", "/twins/board-1/methods", reboot);
    const { topic } = await raw.next("$iothub/methods/POST/");
    raw.client.publish(`$iothub/methods/res/200/?$rid=${topic.split("$rid=")[1]}`, "oops");
    expect((await response).status).toBe(502);
  });

  it.each([
    {
      what: "of a device that is not registered",
      path: "/twins/board-9/methods",
      body: reboot,
      status: 404,
      errorCode: "DeviceNotFound",
    },
    {
      what: "of a module that is not registered",
      path: "/twins/board-1/modules/x/methods",
      body: reboot,
      status: 404,
      errorCode: "DeviceNotFound",
    },
    {
      what: "with more than 128 KB",
      path: "/twins/board-1/methods",
      body: { ...reboot, payload: "x".repeat(131_071) },
      status: 413,
      errorCode: "MessageTooLarge",
    },
    {
      what: "with a name it may not have",
      path: "/twins/board-1/methods",
      body: { methodName: "re boot" },
      status: 400,
      errorCode: "ArgumentInvalid",
    },
  ])("$what is $status", async ({ path, body, status, errorCode }) => {
    const answer = await callRest(await startHub(), "POST", path, body);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, errorCode]);
    expect(jsonOf(answer)["ExceptionMessage"]).toBe("");
  });
});
