import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Message } from "azure-iot-device";
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

// What the SDK alone does when the network misbehaves. Where one of these fails, the SDK has changed: see what the supervisor of the
// agent's link can do without.

/** Timers go on as they were. */
function setDateForward(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
  onTestFinished(() => void vi.useRealTimers());
}

describe("the bare SDK", () => {
  it("does not try again when its first connection is refused, and blames the credentials", async () => {
    const { hub, arrivals } = await countingHub();
    hub.faults.add("refuse", {}, { on: ["mqtt"] });
    const { client } = await bareDevice(hub, "board-1");
    await expect(client.open()).rejects.toMatchObject({
      name: "UnauthorizedError",
      message: expect.stringMatching(/Not authorized.*ECONNREFUSED/),
    });
    expect(arrivals("board-1")).toBe(0);
  });

  it("comes back after FIN without a word, and never hears what was desired meanwhile", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, "board-1");
    const { notifications } = await listenForDesired(device);
    const away = hub.faults.add("refuse", {}, { on: ["mqtt"] });
    hub.faults.add("close", {}, { on: ["mqtt"] });
    await desire(hub, "board-1", { meanwhile: 1 });
    await away.end();
    await expect.poll(() => arrivals("board-1")).toBe(2);
    await desire(hub, "board-1", { afterwards: 1 });
    await expect.poll(() => notifications).toEqual([{ afterwards: 1, $version: 3 }]);
    expect(device.events).not.toContain("disconnect");
    const twin = await device.client.getTwin();
    expect(twin.properties.desired).toMatchObject({ meanwhile: 1, afterwards: 1 });
  });

  it("gives up for good after RST", async () => {
    const { hub, arrivals } = await countingHub();
    const [reset, closed] = [await openBare(hub, "board-1"), await openBare(hub, "board-2")];
    await listenForMethods(hub, reset, "board-1");
    await listenForMethods(hub, closed, "board-2");
    hub.faults.add("reset", {}, { deviceId: "board-1" });
    hub.faults.add("close", {}, { deviceId: "board-2" });
    await expect.poll(() => arrivals("board-2")).toBe(2);
    expect([reset.events.includes("disconnect"), arrivals("board-1")]).toEqual([true, 1]);
  });

  it("is silently dead after FIN when it listens to nothing", async () => {
    const { hub, arrivals } = await countingHub();
    const [deaf, listening] = [await openBare(hub, "board-1"), await openBare(hub, "board-2")];
    await listenForMethods(hub, listening, "board-2");
    hub.faults.add("close");
    await expect.poll(() => arrivals("board-2")).toBe(2);
    expect([arrivals("board-1"), deaf.events.includes("disconnect")]).toEqual([1, false]);
  });

  // The deadline of 240 s has no public setter; it is read from Date.now() alone (retry_operation.js), so setting the clock forward
  // is as good as waiting. It is also what a board without a clock of its own does when it learns the time.
  it("gives up for good when the hub stays away for four minutes, or the clock is set forward", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, "board-1");
    await listenForMethods(hub, device, "board-1");
    await listenForDesired(device);
    const refused = hub.faults.add("connack-refused", { code: 3 });
    hub.faults.add("close");
    await refused.waitForHits(2);
    expect(device.events).not.toContain("disconnect");
    setDateForward(240_000);
    // Once for the methods, once for the desired properties.
    await expect.poll(() => device.events.filter((name) => name === "disconnect").length).toBe(2);
    await refused.end();
    const other = await openBare(hub, "board-2");
    expect([other.events, arrivals("board-1")]).toEqual([["connect"], 1]);
  });

  it("hears nothing after open() on a hub that has forgotten its session", async () => {
    const { hub } = await countingHub();
    const device = await openBare(hub, "board-1");
    await listenForMethods(hub, device, "board-1");
    await device.client.getTwin();
    hub.faults.add("restart", { downMs: 0, how: "reset", sessions: "lost" });
    await expect.poll(() => device.events).toContain("disconnect");
    await device.client.open();
    expect(await isConnected(hub, "board-1")).toBe(true);
    expect((await invoke(hub, "board-1", "go")).status).toBe(404);
    const twin = watch(device.client.getTwin());
    await device.client.sendEvent(new Message("the hub has answered the twin before this"));
    expect(twin()).toBe(false);
  });

  it("never settles what was under way when packets vanished, though it notices and comes back", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, "board-1", { keepaliveS: 1 });
    await listenForMethods(hub, device, "board-1");
    const { twin } = await listenForDesired(device);
    hub.faults.add("black-hole", {}, { deviceId: "board-1", times: 1 });
    const asked = watch(device.client.getTwin());
    const reported = watch(
      new Promise((resolve) => {
        twin.properties.reported["update"]({ a: 1 }, resolve);
      }),
    );
    await expect.poll(() => arrivals("board-1")).toBe(2);
    expect([asked(), reported(), device.events.includes("disconnect")]).toEqual([false, false, false]);
  });
});
