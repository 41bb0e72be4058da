import { describe, expect, it } from "vitest";
import { callHub, rawHttps } from "../../support/raw-https.ts";
import type { Reachable } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import type { RawMqtt } from "../../support/raw-mqtt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { hubProcess, reachable } from "../../support/tool-process.ts";

const VERSION = "api-version=2021-04-12";
const DESIRED = "$iothub/twin/PATCH/properties/desired/#";

/** How much was asked for, and how much the hub has said yes to. */
interface Tally {
  asked: number;
  acknowledged: number;
}

/** Goes on doing something, one after the other, until the hub is gone. */
async function until(gone: () => boolean, tally: Tally, act: (n: number) => Promise<unknown>): Promise<void> {
  while (!gone()) {
    tally.asked += 1;
    const done = await act(tally.asked).then(
      () => true,
      () => false,
    );
    if (!done) return;
    tally.acknowledged = tally.asked;
  }
}

async function call(hub: Reachable, method: string, path: string, body?: object): Promise<string> {
  const answer = await callHub(hub, {
    method,
    path: `${path}?${VERSION}`,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
  return answer.body;
}

/** Reports a number; what is answered 204 is kept. */
async function report(raw: RawMqtt, n: number): Promise<void> {
  raw.client.publish(`$iothub/twin/PATCH/properties/reported/?$rid=${n}`, JSON.stringify({ n }));
  await raw.next(`$iothub/twin/res/204/?$rid=${n}&`);
}

interface Twin {
  readonly properties: { readonly desired: { readonly n: number }; readonly reported: { readonly n: number } };
}

describe("a hub that is killed with kill -9 in the middle of its work", () => {
  it("comes back with everything that it had said yes to, sessions too", async () => {
    const home = await temporaryFolder();
    const killed = await hubProcess(home);
    const before = await reachable(home);
    await call(before, "PUT", "/devices/board-1", { deviceId: "board-1" });
    await call(before, "PUT", "/devices/board-1/modules/agent", { deviceId: "board-1", moduleId: "agent" });
    await call(before, "PUT", "/devices/board-2", { deviceId: "board-2" });
    const session = await connectRaw(before, { deviceId: "board-1", clean: false });
    await session.client.subscribeAsync(DESIRED);
    const reporter = await connectRaw(before, { deviceId: "board-1", moduleId: "agent" });
    await reporter.client.subscribeAsync("$iothub/twin/res/#");
    const sender = await connectRaw(before, { deviceId: "board-2" });

    let gone = false;
    void sender.closed().then(() => (gone = true));
    const tallies = { desired: newTally(), reported: newTally(), telemetry: newTally(), devices: newTally() };
    const work = Promise.all([
      until(
        () => gone,
        tallies.desired,
        (n) => call(before, "PATCH", "/twins/board-1", { properties: { desired: { n } } }),
      ),
      until(
        () => gone,
        tallies.reported,
        (n) => report(reporter, n),
      ),
      until(
        () => gone,
        tallies.telemetry,
        (n) => publishAcknowledged(sender, "devices/board-2/messages/events/", String(n)),
      ),
      until(
        () => gone,
        tallies.devices,
        (n) => call(before, "PUT", `/devices/new-${n}`, { deviceId: `new-${n}` }),
      ),
    ]);
    // In the middle: when each kind of work has come some way.
    while (Object.values(tallies).some((one) => one.acknowledged < 10)) await session.next("$iothub/twin/PATCH/");
    killed.kill("SIGKILL");
    await Promise.all([work, killed.ended]);

    await hubProcess(home);
    const after = await reachable(home);
    expect(after.ports).toEqual(before.ports);

    const again = await connectRaw(after, { deviceId: "board-1", clean: false });
    expect(again.sessionPresent).toBe(true);
    const board: Twin = JSON.parse(await call(after, "GET", "/twins/board-1"));
    const agent: Twin = JSON.parse(await call(after, "GET", "/twins/board-1/modules/agent"));
    const listed: { deviceId: string }[] = JSON.parse(await call(after, "GET", "/devices"));
    const events = (await callHub(after, { method: "GET", path: "/local-hub/events" })).body.trimEnd().split("\n");
    expectKept(board.properties.desired.n, tallies.desired);
    expectKept(agent.properties.reported.n, tallies.reported);
    expectKept(listed.filter(({ deviceId }) => deviceId.startsWith("new-")).length, tallies.devices);
    expectKept(events.length, tallies.telemetry);

    // And it works on: the session hears of the next change without subscribing again.
    await call(after, "PATCH", "/twins/board-1", { properties: { desired: { n: 0 } } });
    expect((await again.next("$iothub/twin/PATCH/")).payload).toMatch(/^\{"n":0,"\$version":\d+\}$/);
  });
});

describe("the image server of a hub that is killed", () => {
  it("goes with it, and comes back with it", async () => {
    const home = await temporaryFolder();
    const killed = await hubProcess(home);
    const { ports, ca } = await reachable(home);
    killed.kill("SIGKILL");
    // Its pipes stay open as long as a child of it lives.
    await killed.ended;
    await expect(rawHttps(ports.images, ca, { method: "GET", path: "/" })).rejects.toThrow("ECONNREFUSED");
    await hubProcess(home);
    expect((await rawHttps(ports.images, ca, { method: "GET", path: "/" })).status).toBe(404);
  });
});

function newTally(): Tally {
  return { asked: 0, acknowledged: 0 };
}

/** What was said yes to is there; of what was only asked for, one may be. */
function expectKept(kept: number, { asked, acknowledged }: Tally): void {
  expect(kept).toBeGreaterThanOrEqual(acknowledged);
  expect(kept).toBeLessThanOrEqual(asked);
}

/** Publishes and waits for PUBACK, which never comes when the connection has gone. */
async function publishAcknowledged(raw: RawMqtt, topic: string, payload: string): Promise<void> {
  await Promise.race([
    raw.client.publishAsync(topic, payload, { qos: 1 }),
    raw.closed().then(() => Promise.reject(new Error("The connection closed."))),
  ]);
}
