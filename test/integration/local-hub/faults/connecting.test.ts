import { describe, expect, it } from "vitest";
import { endpoints } from "../../../../service-tools/local-hub/faults/fault-kind.ts";
import type { LocalHub, LocalHubOptions } from "../../../../service-tools/local-hub/options.ts";
import { hubWith } from "../../../support/local-hub.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { openTcp, portsOf, beginTls, connectTo } from "../../../support/endpoint-clients.ts";

const all = endpoints.map((endpoint) => ({ endpoint }));
const withDevices = all.filter(({ endpoint }) => endpoint === "mqtt" || endpoint === "websockets");

const startHub = async (options: Partial<LocalHubOptions> = {}): Promise<LocalHub> =>
  hubWith(["board-1", "board-2"], options);

/** What comes of trying to connect: "open", or the system's error. */
async function tryConnect(port: number, host?: string): Promise<string> {
  return openTcp(port, host).then(
    () => "open",
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
}

describe.each(all)("refuse, on $endpoint", ({ endpoint }) => {
  it("closes the port on both addresses, and opens it again", async () => {
    const hub = await startHub();
    const port = portsOf[endpoint](hub);
    const fault = hub.faults.add("refuse", {}, { on: [endpoint] });
    expect([await tryConnect(port), await tryConnect(port, "::1")]).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    expect(fault.hits).toBe(1);
    await fault.end();
    expect([await tryConnect(port), await tryConnect(port, "::1")]).toEqual(["open", "open"]);
  });

  it("keeps open connections, and other ports", async () => {
    const hub = await startHub();
    const inside = await connectTo(hub, endpoint);
    hub.faults.add("refuse", {}, { on: [endpoint] });
    await inside.ask();
    const others = new Set(endpoints.map((one) => portsOf[one](hub)).filter((port) => port !== portsOf[endpoint](hub)));
    for (const port of others) expect(await tryConnect(port)).toBe("open");
  });
});

describe("refuse", () => {
  it("added and ended in one turn has the last state", async () => {
    const hub = await startHub();
    const first = hub.faults.add("refuse");
    const ended = first.end();
    const second = hub.faults.add("refuse");
    await ended;
    expect(await tryConnect(hub.ports.mqtt)).toBe("ECONNREFUSED");
    const third = hub.faults.add("refuse");
    await second.end();
    expect(await tryConnect(hub.ports.mqtt)).toBe("ECONNREFUSED");
    await third.end();
    expect(await tryConnect(hub.ports.mqtt)).toBe("open");
  });

  it("for a time ends by itself", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock });
    const fault = hub.faults.add("refuse", {}, { on: ["mqtt"], forMs: 1000, afterMs: 500 });
    expect([fault.state, await tryConnect(hub.ports.mqtt)]).toEqual(["waiting", "open"]);
    clock.advance(500);
    expect([fault.state, await tryConnect(hub.ports.mqtt)]).toEqual(["on", "ECONNREFUSED"]);
    clock.advance(1000);
    await expect.poll(() => tryConnect(hub.ports.mqtt)).toBe("open");
    expect(fault.state).toBe("over");
  });
});

describe.each(all)("accept-reset, on $endpoint", ({ endpoint }) => {
  it("resets new connections, as often as it should", async () => {
    const hub = await startHub();
    const fault = hub.faults.add("accept-reset", {}, { on: [endpoint], times: 2 });
    for (const _ of [1, 2]) {
      // It depends on who is faster whether the connection is seen to open at all.
      const closedBy = openTcp(portsOf[endpoint](hub)).then((tcp) => tcp.closedBy);
      expect(await closedBy.catch((error: NodeJS.ErrnoException) => error.code)).toBe("ECONNRESET");
    }
    expect([fault.hits, fault.state]).toEqual([2, "over"]);
    await (await connectTo(hub, endpoint)).ask();
  });
});

describe.each(withDevices)("accept-reset for one device, on $endpoint", ({ endpoint }) => {
  it("resets it when CONNECT names it, and accepts others", async () => {
    const hub = await startHub();
    const fault = hub.faults.add("accept-reset", {}, { deviceId: "board-1" });
    void connectTo(hub, endpoint, "board-1").catch(() => undefined);
    await fault.waitForHits();
    await (await connectTo(hub, endpoint, "board-2")).ask();
    expect(fault.hits).toBe(1);
  });
});

describe.each(all)("certificate, on $endpoint", ({ endpoint }) => {
  it.each([
    { flaw: "not-yet-valid", closedBy: "CERT_NOT_YET_VALID" },
    { flaw: "expired", closedBy: "CERT_HAS_EXPIRED" },
    { flaw: "other-name", closedBy: "ERR_TLS_CERT_ALTNAME_INVALID" },
    { flaw: "unknown-authority", closedBy: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  ] as const)("$flaw: the client says $closedBy, and trusts the next", async ({ flaw, closedBy }) => {
    const hub = await startHub();
    const fault = hub.faults.add("certificate", { flaw }, { on: [endpoint], times: 1 });
    const { socket } = await openTcp(portsOf[endpoint](hub));
    expect([await beginTls(hub, socket), fault.hits]).toEqual([closedBy, 1]);
    await (await connectTo(hub, endpoint)).ask();
  });
});
