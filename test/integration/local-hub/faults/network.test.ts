import { describe, expect, it } from "vitest";
import { endpoints } from "../../../../service-tools/local-hub/faults/fault-kind.ts";
import type { Endpoint } from "../../../../service-tools/local-hub/faults/fault-kind.ts";
import type { LocalHub, LocalHubOptions } from "../../../../service-tools/local-hub/options.ts";
import { hubWith } from "../../../support/local-hub.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { callHub } from "../../../support/raw-https.ts";
import { connectRaw } from "../../../support/raw-mqtt.ts";
import type { RawMqtt } from "../../../support/raw-mqtt.ts";
import { openTcp, portsOf, beginTls, connectTo } from "../../../support/endpoint-clients.ts";

const all = endpoints.map((endpoint) => ({ endpoint }));
const withDevices = all.filter(({ endpoint }) => endpoint === "mqtt" || endpoint === "websockets");

const startHub = async (options: Partial<LocalHubOptions> = {}): Promise<LocalHub> =>
  hubWith(["board-1", "board-2"], options);

const REPORT = "$iothub/twin/PATCH/properties/reported/?$rid=1";

/** A board that reports over MQTT, and hears what becomes of it. */
async function connected(options: Partial<LocalHubOptions> = {}): Promise<{ hub: LocalHub; board: RawMqtt }> {
  const hub = await startHub(options);
  const board = await connectRaw(hub, { deviceId: "board-1" });
  await board.client.subscribeAsync("$iothub/twin/res/#");
  return { hub, board };
}

async function twin(hub: LocalHub): Promise<string> {
  return (await callHub(hub, { method: "GET", path: "/twins/board-1?api-version=2021-04-12" })).body;
}

/** What the hub knows to be reported. */
async function reported(hub: LocalHub): Promise<object> {
  const { properties }: { properties: { reported: object } } = JSON.parse(await twin(hub));
  return Object.fromEntries(Object.entries(properties.reported).filter(([key]) => !key.startsWith("$")));
}

/** Something said and answered elsewhere, meanwhile: what was said before it has reached the hub by now. */
async function overtake(hub: LocalHub, endpoint: Endpoint): Promise<void> {
  await (await connectTo(hub, endpoint === "images" ? "mqtt" : "images", "board-2")).ask();
}

describe.each(all)("on a live connection, on $endpoint", ({ endpoint }) => {
  it.each([
    { name: "reset", closedBy: "ECONNRESET" },
    { name: "close", closedBy: "FIN" },
  ] as const)("$name ends it with $closedBy, and new ones are taken", async ({ name, closedBy }) => {
    const hub = await startHub();
    const before = await connectTo(hub, endpoint);
    await before.ask();
    const fault = hub.faults.add(name, {}, { on: [endpoint] });
    expect(await before.tcp.closedBy).toBe(closedBy);
    expect([fault.hits, fault.state]).toEqual([1, "over"]);
    await (await connectTo(hub, endpoint)).ask();
  });
});

describe.each(withDevices)("for one device, on $endpoint", ({ endpoint }) => {
  it.each(["reset", "close", "black-hole"] as const)("%s does not affect other devices", async (name) => {
    const hub = await startHub();
    await connectTo(hub, endpoint, "board-1");
    const other = await connectTo(hub, endpoint, "board-2");
    const fault = hub.faults.add(name, {}, { deviceId: "board-1" });
    await other.ask();
    expect(fault.hits).toBe(1);
  });

  it("one for one device does not affect new connections of another", async () => {
    const hub = await startHub();
    const fault = hub.faults.add("black-hole", {}, { deviceId: "board-1" });
    await (await connectTo(hub, endpoint, "board-2")).ask();
    expect(fault.hits).toBe(0);
  });
});

describe.each(all)("black-hole, on $endpoint", ({ endpoint }) => {
  it("loses bytes for good: the connection stays open, and dead", async () => {
    const hub = await startHub();
    const lost = await connectTo(hub, endpoint);
    await lost.ask();
    const fault = hub.faults.add("black-hole", {}, { on: [endpoint] });
    expect(fault.hits).toBe(1);
    let answered = false;
    lost.ask().then(
      () => (answered = true),
      () => undefined,
    );
    await overtake(hub, endpoint);
    await fault.end();
    await (await connectTo(hub, endpoint)).ask();
    expect([answered, lost.tcp.socket.destroyed]).toEqual([false, false]);
  });

  it("delivers the bytes late, if it is set to", async () => {
    const hub = await startHub();
    const late = await connectTo(hub, endpoint);
    const fault = hub.faults.add("black-hole", { after: "late" }, { on: [endpoint] });
    const answered = late.ask();
    await overtake(hub, endpoint);
    await fault.end();
    await expect(answered).resolves.toBeUndefined();
  });
});

describe("black-hole, in one direction,", () => {
  it("to the hub: nothing is carried out", async () => {
    const { hub, board } = await connected();
    const fault = hub.faults.add("black-hole", { direction: "to-hub", after: "late" }, { deviceId: "board-1" });
    board.client.publish(REPORT, '{"a":1}');
    await overtake(hub, "mqtt");
    expect(await reported(hub)).toEqual({});
    await fault.end();
    await board.next("$iothub/twin/res/204/");
    expect(await reported(hub)).toEqual({ a: 1 });
  });

  it("to the client: requests are carried out, and no response arrives", async () => {
    const { hub, board } = await connected();
    const fault = hub.faults.add("black-hole", { direction: "to-client", after: "late" }, { deviceId: "board-1" });
    board.client.publish(REPORT, '{"a":1}');
    await expect.poll(() => reported(hub)).toEqual({ a: 1 });
    expect(board.received).toEqual([]);
    await fault.end();
    await board.next("$iothub/twin/res/204/");
  });

  it("hides from the hub that the client has closed", async () => {
    const { hub, board } = await connected();
    hub.faults.add("black-hole", { direction: "to-hub" }, { deviceId: "board-1" });
    board.client.stream.destroy();
    await overtake(hub, "mqtt");
    expect(await twin(hub)).toContain('"connectionState":"Connected"');
  });
});

/** Reports something, and resolves when the answer is on its way and has to wait. */
async function reportSlowly(board: RawMqtt, clock: ManualClock, rid: number): Promise<void> {
  const before = clock.pending();
  board.client.publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, JSON.stringify({ rid }));
  await expect.poll(() => clock.pending()).toBe(before + 1);
}

const toBoard1 = { deviceId: "board-1" } as const;

describe("latency", () => {
  it("delivers bytes after the delay", async () => {
    const clock = new ManualClock();
    const { hub, board } = await connected({ clock });
    hub.faults.add("latency", { direction: "to-client", delayMs: 300 }, toBoard1);
    await reportSlowly(board, clock, 1);
    clock.advance(299);
    await overtake(hub, "mqtt");
    expect(board.received).toEqual([]);
    clock.advance(1);
    await board.next("$iothub/twin/res/204/?$rid=1");
  });

  it("delivers what is under way when it ends", async () => {
    const clock = new ManualClock();
    const { hub, board } = await connected({ clock });
    const fault = hub.faults.add("latency", { delayMs: 600_000, direction: "to-client" });
    await reportSlowly(board, clock, 1);
    await fault.end();
    expect(await board.next("$iothub/twin/res/204/")).toBeDefined();
  });
});

describe("loss", () => {
  it("of 20 percent: a hit piece stalls", async () => {
    const clock = new ManualClock();
    const { hub, board } = await connected({ clock, random: () => 0.19 });
    hub.faults.add("loss", { percent: 20, stallMs: 1000, direction: "to-client" }, toBoard1);
    await reportSlowly(board, clock, 1);
    clock.advance(999);
    await overtake(hub, "mqtt");
    expect(board.received).toEqual([]);
    clock.advance(1);
    await board.next("$iothub/twin/res/204/");
  });

  it("of 20 percent: another piece does not", async () => {
    const clock = new ManualClock();
    const { hub, board } = await connected({ clock, random: () => 0.2 });
    hub.faults.add("loss", { percent: 20, stallMs: 1000, direction: "to-client" }, toBoard1);
    await reportSlowly(board, clock, 1);
    clock.advance(0);
    expect(await board.next("$iothub/twin/res/204/")).toBeDefined();
  });
});

describe.each(all)("bandwidth, on $endpoint", ({ endpoint }) => {
  it("lets so many bytes per second through, little by little", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock });
    hub.faults.add("bandwidth", { bytesPerS: 1000, direction: "to-client" });
    const { socket } = await openTcp(portsOf[endpoint](hub));
    void beginTls(hub, socket);
    await expect.poll(() => clock.pending()).toBeGreaterThan(0);
    expect(socket.bytesRead).toBe(0);
    clock.advance(100);
    await expect.poll(() => socket.bytesRead).toBe(100);
    clock.advance(250);
    await expect.poll(() => socket.bytesRead).toBe(300);
  });
});

describe.each(all)("cut-after, on $endpoint", ({ endpoint }) => {
  it.each([
    { how: "reset", closedBy: "ECONNRESET" },
    { how: "close", closedBy: "FIN" },
  ] as const)("lets so many bytes through, and then: $how", async ({ how, closedBy }) => {
    const hub = await startHub();
    const fault = hub.faults.add(
      "cut-after",
      { bytes: 300, how, direction: "to-client" },
      { on: [endpoint], times: 1 },
    );
    const { socket } = await openTcp(portsOf[endpoint](hub));
    expect(await beginTls(hub, socket)).toBe(closedBy);
    expect([socket.bytesRead, fault.hits]).toEqual([300, 1]);
    await (await connectTo(hub, endpoint)).ask();
  });
});

describe("faults of the network together", () => {
  it("add up", async () => {
    const clock = new ManualClock();
    const { hub, board } = await connected({ clock, random: () => 0 });
    hub.faults.add("latency", { delayMs: 100, direction: "to-client" }, toBoard1);
    hub.faults.add("loss", { percent: 100, stallMs: 1000, direction: "to-client" }, toBoard1);
    await reportSlowly(board, clock, 1);
    clock.advance(1099);
    await overtake(hub, "mqtt");
    expect(board.received).toEqual([]);
    clock.advance(1);
    await board.next("$iothub/twin/res/204/");
  });
});
