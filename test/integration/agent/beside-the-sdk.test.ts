import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ServiceApp } from "../../support/service-app.ts";
import { TestBoard } from "../../support/test-board.ts";
import { acceleratedTimer, shortTimeouts } from "../../chaos/hub-faults.ts";
import {
  bareDevice,
  countingHub,
  desire,
  invoke,
  listenForDesired,
  listenForMethods,
  openBare,
} from "../../support/bare-sdk.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { watch } from "../../support/faulty-hub.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";

// The same fault on the same hub, for the agent and for a device that is nothing but the SDK. Where the SDK does better than it did,
// the agent's link can do with less.

const bare = "board-1";
const ours = "board-3";

async function agentOn(hub: LocalHub): Promise<{ board: TestBoard; service: ServiceApp }> {
  const board = await TestBoard.start(hub, { deviceId: ours, timer: acceleratedTimer, timeouts: shortTimeouts });
  return { board, service: new ServiceApp(hub, ours) };
}

/** It answers, and its twin holds what it says. */
async function isWell(service: ServiceApp): Promise<void> {
  const link = async (): Promise<unknown> => (await service.callMethod("getStatus")).payload["link"];
  await expect.poll(link).toMatchObject({ up: true });
  await service.untilReported("boardkeeper.update.phase", "idle");
}

describe("the agent comes back where the bare SDK does not:", () => {
  it("a first connection that is refused", async () => {
    const { hub, arrivals } = await countingHub();
    const away = hub.faults.add("refuse", {}, { on: ["mqtt"] });
    const { client } = await bareDevice(hub, bare);
    await expect(client.open()).rejects.toThrow("Not authorized");
    const { board, service } = await agentOn(hub);
    await expect.poll(() => board.attempts).toBeGreaterThan(1);
    await away.end();
    await isWell(service);
    expect(arrivals(bare)).toBe(0);
  });

  it("a reset", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, bare);
    await listenForMethods(hub, device, bare);
    const { service } = await agentOn(hub);
    await isWell(service);
    hub.faults.add("reset");
    await expect.poll(() => arrivals(ours)).toBe(2);
    await isWell(service);
    expect([device.events.includes("disconnect"), arrivals(bare)]).toStrictEqual([true, 1]);
  });

  it("a close, for a device that listens to nothing yet", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, bare);
    const { service } = await agentOn(hub);
    await isWell(service);
    hub.faults.add("close");
    await expect.poll(() => arrivals(ours)).toBe(2);
    await isWell(service);
    expect([device.events.includes("disconnect"), arrivals(bare)]).toStrictEqual([false, 1]);
  });

  it("a hub that has forgotten its sessions", async () => {
    const { hub } = await countingHub();
    const device = await openBare(hub, bare);
    await listenForMethods(hub, device, bare);
    const { service } = await agentOn(hub);
    await isWell(service);
    hub.faults.add("restart", { downMs: 0, how: "reset", sessions: "lost" });
    await expect.poll(() => device.events).toContain("disconnect");
    await device.client.open();
    await isWell(service);
    expect((await invoke(hub, bare, "go")).status).toBe(404);
  });

  it("a change of the desired properties during an outage", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, bare);
    const { notifications } = await listenForDesired(device);
    const { service } = await agentOn(hub);
    await isWell(service);
    const away = hub.faults.add("refuse", {}, { on: ["mqtt"] });
    hub.faults.add("close", {}, { on: ["mqtt"] });
    const firmware = {
      fwVersion: "2.0.0",
      fwPackageURI: "http://insecure/board.img",
      fwPackageCheckValue: "a".repeat(64),
    };
    for (const deviceId of [bare, ours]) await desire(hub, deviceId, { firmware });
    await away.end();
    await service.untilReported("boardkeeper.update.refused.code", "insecure-address");
    await expect.poll(() => arrivals(bare)).toBe(2);
    expect(notifications).toStrictEqual([]);
  });

  it("a report that is refused without a word", async () => {
    const { hub } = await countingHub();
    const { client } = await openBare(hub, bare);
    const twin = await client.getTwin();
    hub.faults.add("twin-refused", { operation: "report", status: "503", body: "empty" }, { deviceId: bare, times: 1 });
    const outcome = await new Promise((resolve) => twin.properties.reported["update"]({ a: 1 }, resolve));
    expect(outcome).toBeNull(); // Which is to say: no error.
    expect(await new ServiceApp(hub, bare).reported("a")).toBeUndefined();

    hub.faults.add("twin-refused", { operation: "report", status: "503", body: "empty" }, { deviceId: ours, times: 3 });
    const { service } = await agentOn(hub);
    await isWell(service);
  });

  it("an outage that is longer than the SDK's retry limit, or a clock that is set forward in it", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, bare);
    await listenForMethods(hub, device, bare);
    const { service } = await agentOn(hub);
    await isWell(service);
    const away = hub.faults.add("connack-refused", { code: 3 });
    hub.faults.add("close");
    await away.waitForHits(3);
    // The SDK's deadline of 240 s is read from Date.now() alone.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 240_000 });
    onTestFinished(() => void vi.useRealTimers());
    await expect.poll(() => device.events).toContain("disconnect");
    await away.end();
    await isWell(service);
    expect(arrivals(bare)).toBe(1);
  });

  it("packets that vanish while it asks for its twin", async () => {
    const { hub, arrivals } = await countingHub();
    const device = await openBare(hub, bare, { keepaliveS: 1 });
    await listenForDesired(device);
    const { service } = await agentOn(hub);
    await isWell(service);
    for (const deviceId of [bare, ours]) hub.faults.add("black-hole", {}, { deviceId, times: 1 });
    const asked = watch(device.client.getTwin());
    await expect.poll(() => [arrivals(bare), arrivals(ours)]).toStrictEqual([2, 2]);
    await isWell(service);
    expect(asked()).toBe(false);
  });

  it("a twin that is answered 429 without a word", async () => {
    const { hub } = await countingHub();
    const refusal = { operation: "get", status: "429", body: "empty" } as const;
    const { client } = await openBare(hub, bare);
    hub.faults.add("twin-refused", refusal, { deviceId: bare, times: 1 });
    // The SDK throws where nobody can catch it: a process of its own would end (test/integration/bare-sdk).
    const thrown = new Promise<unknown>((resolve) => {
      const listeners = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", (cause) => {
        for (const listener of listeners) process.on("uncaughtException", listener);
        resolve(cause);
      });
    });
    const asked = watch(client.getTwin());
    expect(await thrown).toBeInstanceOf(TypeError);
    expect(asked()).toBe(false);

    hub.faults.add("twin-refused", refusal, { deviceId: ours, times: 2 });
    const { service } = await agentOn(hub);
    await isWell(service);
  });

  it("credentials that are refused at first", async () => {
    const { hub, arrivals } = await countingHub();
    const refused = hub.faults.add("connack-refused", { code: 5 });
    const { client } = await bareDevice(hub, bare);
    await expect(client.open()).rejects.toThrow("Not authorized");
    const { service } = await agentOn(hub);
    await refused.waitForHits(2);
    await refused.end();
    await isWell(service);
    expect(arrivals(bare)).toBe(0);
  });

  it("a method that nobody has a handler for: the caller gets an answer", async () => {
    const clock = new ManualClock();
    const { hub } = await countingHub({ clock });
    const device = await openBare(hub, bare);
    await listenForMethods(hub, device, bare);
    const { service } = await agentOn(hub);
    await isWell(service);
    const answered = watch(invoke(hub, bare, "nothing"));
    expect(await service.callMethod("nothing")).toMatchObject({
      status: 404,
      payload: { error: { code: "unknown-method" } },
    });
    expect(answered()).toBe(false);
  });
});
