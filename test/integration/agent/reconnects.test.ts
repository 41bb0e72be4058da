import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { systemTimer } from "../../../agent/board/hardware/clocks.ts";
import { parseHubAddress } from "../../../agent/hub/address.ts";
import { connectToAzure } from "../../../agent/hub/azure-connection.ts";
import { QuotaCounter } from "../../../agent/hub/quota-counter.ts";
import { ConnectionManager } from "../../../agent/hub/connection-manager.ts";
import { testHub } from "../../support/local-hub.ts";
import { quiet } from "../../support/logs.ts";
import type { Transport } from "../../support/azure-sdk.ts";
import { fakeRuntime } from "../../support/fake-runtime.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const MiB = 2 ** 20;
/** The first ones load code and fill caches. */
const warmUp = 60;
const reconnects = 300;

interface Held {
  readonly heapMiB: number;
  readonly sockets: number;
  readonly timers: number;
  readonly processListeners: number;
  readonly signalListeners: number;
}

it.each<Transport>(["MQTT", "WebSockets"])(
  "holds no more after 300 reconnects than before them, over %s",
  { timeout: 240_000 },
  async (transport) => {
    const hub = await testHub();
    const address = parseHubAddress(await hub.addDevice("board-1"), {
      webSocket: transport === "WebSockets",
      webSocketPort: hub.ports.https,
    });
    if (!address.ok) throw new Error(address.problems.join());
    let ups = 0;
    let waiting: (() => void) | undefined;
    let signalListeners = 0;
    const manager = new ConnectionManager({
      connect: (signal) => {
        signalListeners = countListeners(signal);
        return connectToAzure(
          { address: address.value, ca: hub.ca, productInfo: "test", timer: systemTimer, log: quiet },
          signal,
        );
      },
      ...fakeRuntime({
        timer: { after: (delayMs, signal) => systemTimer.after(delayMs / 1_000, signal) },
        wallClock: { now: () => new Date(), synchronized: () => Promise.resolve(true) },
        bootClock: { nowMs: () => Math.round(performance.now()) },
      }),
      quota: new QuotaCounter(),
    });
    const reconnect = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        const up = new Promise<void>((resolve) => (waiting = resolve));
        hub.faults.add("reset", {}, { deviceId: "board-1" });
        await up;
      }
    };
    manager.start({
      onMethod: () => Promise.resolve({ status: 200, payload: { Response: "" } }),
      onMethodAnswered: () => undefined,
      onDesired: () => undefined,
      onConnected: () => {
        ups += 1;
        waiting?.();
      },
      onReportedRead: () => undefined,
      onDisconnected: () => undefined,
    });
    await expect.poll(() => ups).toBe(1);
    await reconnect(warmUp);
    const before = await held(signalListeners);
    await reconnect(reconnects);
    const after = await held(signalListeners);
    await manager.stop();
    await manager.stop();

    expect(after).toMatchObject({ processListeners: before.processListeners, signalListeners: before.signalListeners });
    // The hub lives in this process too, and lets its side of a connection go a little later.
    expect(after.sockets).toBeLessThanOrEqual(before.sockets + 2);
    expect(after.timers).toBeLessThanOrEqual(before.timers + 5);
    expect(after.heapMiB - before.heapMiB).toBeLessThan(6);
  },
);

async function held(signalListeners: number): Promise<Held> {
  for (let turn = 0; turn < 20; turn += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const resources = process.getActiveResourcesInfo();
  const count = (kind: RegExp): number => resources.filter((name) => kind.test(name)).length;
  return {
    heapMiB: process.memoryUsage().heapUsed / MiB,
    sockets: count(/TCPSocket|TLS/),
    timers: count(/Timeout/),
    processListeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    signalListeners,
  };
}

/** Listeners of the agent's own stop signal: what hangs on to it lives as long as the agent. */
function countListeners(signal: AbortSignal): number {
  const kEvents = Object.getOwnPropertySymbols(signal).find(({ description }) => description === "kEvents");
  const events: unknown = kEvents === undefined ? undefined : Reflect.get(signal, kEvents);
  return events instanceof Map ? [...events.values()].reduce((sum, { size }) => sum + Number(size), 0) : 0;
}
