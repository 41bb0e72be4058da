import { spawn } from "node:child_process";
import { once } from "node:events";
import { Client, Message, SharedAccessKeyAuthenticationProvider } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  bareDevice,
  countingHub,
  desire,
  invoke,
  isConnected,
  listenForDesired,
  listenForMethods,
  openBare,
} from "../../support/bare-sdk.ts";
import { watch } from "../../support/faulty-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";

// What the SDK alone makes of answers, tokens and clocks. Where one of these fails, the SDK has changed: see what the agent's link can do
// without.

/** Reports one property; answers the message of the error, or that there was none. */
async function report(client: Client): Promise<string> {
  const twin = await client.getTwin();
  return new Promise((resolve) => {
    twin.properties.reported["update"]({ a: 1 }, (error?: Error) => resolve(error?.message ?? "ok"));
  });
}

describe("the bare SDK", () => {
  it.each(["429", "500", "503"] as const)(
    "says ok when what it reports is answered %s with no body",
    async (status) => {
      const { hub } = await countingHub();
      const { client } = await openBare(hub, "board-1");
      hub.faults.add("twin-refused", { operation: "report", status, body: "empty" });
      expect(await report(client)).toBe("ok");
    },
  );

  it("does not, when there is a body", async () => {
    const { hub } = await countingHub();
    const { client } = await openBare(hub, "board-1");
    hub.faults.add("twin-refused", { operation: "report", status: "503" });
    expect(await report(client)).not.toBe("ok");
  });

  it("kills its process when its twin is answered 429 with no body", async () => {
    const { hub } = await countingHub();
    hub.faults.add("twin-refused", { operation: "get", status: "429", body: "empty" });
    const program = `
      import { Client } from "azure-iot-device";
      import { Mqtt } from "azure-iot-device-mqtt";
      const client = Client.fromConnectionString(process.env.CONNECTION, Mqtt);
      await client.setOptions({ ca: process.env.CA });
      await client.open();
      await client.getTwin().catch(() => console.log("rejected"));`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: { CONNECTION: hub.deviceConnectionString("board-1"), CA: hub.ca },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    const [status] = await once(child, "close");
    expect(status).toBe(1);
    expect(said).toContain("TypeError: Cannot read properties of undefined (reading 'desired')");
  });

  it("waits for ever for an answer that got lost", async () => {
    const { hub } = await countingHub();
    const { client } = await openBare(hub, "board-1");
    const fault = hub.faults.add("twin-answer-lost", {}, { times: 1 });
    const lost = watch(client.getTwin());
    await fault.waitForHits();
    await client.getTwin();
    expect(lost()).toBe(false);
  });

  it("leaves what is gone from a desired array in the twin that it keeps", async () => {
    const { hub } = await countingHub();
    await desire(hub, "board-1", { list: [1, 2, 3] });
    const { twin, notifications } = await listenForDesired(await openBare(hub, "board-1"));
    await desire(hub, "board-1", { list: [9] });
    await expect.poll(() => notifications).toEqual([{ list: [9], $version: 3 }]);
    expect(twin.properties.desired["list"]).toEqual([9, 2, 3]);
  });

  it("does not answer a method that nobody handles: the caller waits for its deadline", async () => {
    const clock = new ManualClock();
    const { hub } = await countingHub({ clock });
    const device = await openBare(hub, "board-1");
    await listenForMethods(hub, device, "board-1");
    const unknown = invoke(hub, "board-1", "unknown");
    const answered = watch(unknown);
    // A call that is answered later shows that an answer to the first would have come.
    await expect.poll(() => clock.pending()).toBeGreaterThan(1);
    expect((await invoke(hub, "board-1", "go")).status).toBe(200);
    expect(answered()).toBe(false);
    clock.advance(30_000);
    expect((await unknown).status).toBe(504);
  });

  it("wages war on another client with its id", async () => {
    const { hub, arrivals } = await countingHub();
    const [one, other] = [await openBare(hub, "board-1"), await bareDevice(hub, "board-1")];
    await listenForMethods(hub, one, "board-1");
    await other.client.open();
    other.client.onDeviceMethod("go", () => undefined);
    await expect.poll(() => arrivals("board-1")).toBeGreaterThan(10);
    expect([...one.events, ...other.events]).not.toContain("disconnect");
  });

  it("takes it for final that its token is refused, as it is while its clock is wrong", async () => {
    const clock = new ManualClock(Date.now() + 7_200_000);
    const { hub, arrivals } = await countingHub({ clock });
    const { client } = await bareDevice(hub, "board-1");
    await expect(client.open()).rejects.toThrow("Not authorized");
    expect(arrivals("board-1")).toBe(0);
  });

  // mqtt.js puts the return code into the error's `code`, and the SDK takes whatever has one for an error of the socket
  // (mqtt_translate_error.js): only the first connection, whose errors are all called Unauthorized, is given up at once.
  it.each([2, 4, 5])("tries again when it is refused with %d as it comes back", async (code) => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, "board-1");
    await listenForMethods(hub, device, "board-1");
    const refusing = hub.faults.add("connack-refused", { code });
    hub.faults.add("close", {}, { deviceId: "board-1" });
    await refusing.waitForHits(2);
    await refusing.end();
    await expect.poll(() => arrivals("board-1")).toBe(2);
    expect(device.events).not.toContain("disconnect");
  });

  it("connects anew for each new token", async () => {
    const { hub, arrivals } = await countingHub();
    const text = hub.deviceConnectionString("board-1");
    // The SDK's own are valid for an hour, and replaced a quarter before.
    const provider = SharedAccessKeyAuthenticationProvider.fromConnectionString(text, 3, 2);
    onTestFinished(() => provider.stop());
    const client = Client.fromAuthenticationProvider(provider, Mqtt);
    const { events } = await openBare(hub, "board-1", { client });
    await expect.poll(() => arrivals("board-1")).toBeGreaterThan(1);
    provider.stop();
    expect(events).not.toContain("disconnect");
  });

  it("connects without end with tokens that are valid for more than 24 days", async () => {
    const { hub, arrivals } = await countingHub();
    const days = 24 * 60 * 60;
    const text = hub.deviceConnectionString("board-1");
    const provider = SharedAccessKeyAuthenticationProvider.fromConnectionString(text, 30 * days, 60);
    onTestFinished(() => provider.stop());
    const client = Client.fromAuthenticationProvider(provider, Mqtt);
    await openBare(hub, "board-1", { client });
    await expect.poll(() => arrivals("board-1")).toBeGreaterThan(3);
    provider.stop();
  });

  it("loses its connection over telemetry when the day's quota is used up, and sends it again and again", async () => {
    const { hub, arrivals } = await countingHub();
    const { client } = await openBare(hub, "board-1");
    const quota = hub.faults.add("quota-exhausted");
    const sent = watch(client.sendEvent(new Message("1")));
    await quota.waitForHits(3);
    expect([arrivals("board-1") >= 3, sent()]).toEqual([true, false]);
    await quota.end();
    await expect.poll(sent).toBe(true);
    expect(await isConnected(hub, "board-1")).toBe(true);
  });
});
