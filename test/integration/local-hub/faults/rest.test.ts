import { describe, expect, it } from "vitest";
import { FaultyWorld, watch } from "../../../support/faulty-world.ts";

const METHODS = "$iothub/methods/POST/#";

async function withMethods(): Promise<FaultyWorld> {
  const world = await FaultyWorld.begin(false);
  await world.board.client.subscribeAsync(["$iothub/twin/res/#", METHODS]);
  return world;
}

/** Answers the calls of `go` that reach the board; tells how many there have been. */
function answering(world: FaultyWorld): () => number {
  let calls = 0;
  world.board.client.on("message", (topic) => {
    if (!topic.startsWith("$iothub/methods/")) return;
    calls += 1;
    world.answerCall(topic.split("$rid=")[1] ?? "");
  });
  return () => calls;
}

describe("rest-refused", () => {
  it.each(["429", "500", "503"] as const)("answers %s, with Retry-After, and carries nothing out", async (status) => {
    const world = await withMethods();
    const calls = answering(world);
    const fault = world.hub.faults.add("rest-refused", { status, retryAfterS: 9 }, { times: 1 });
    const answer = await world.call();
    expect([answer.status, answer.headers["retry-after"], answer.body === ""]).toEqual([Number(status), "9", false]);
    expect([calls(), fault.hits, (await world.call()).status]).toEqual([0, 1, 200]);
  });

  it("can have an empty body, and be for one operation and one device", async () => {
    const world = await withMethods();
    const only = { operation: "methods", body: "empty", status: "503" } as const;
    const fault = world.hub.faults.add("rest-refused", only, { deviceId: "board-1" });
    expect((await world.rest("GET", "/twins/board-1")).status).toBe(200);
    expect((await world.rest("POST", "/twins/board-2/methods", { methodName: "go" })).status).toBe(404);
    expect(await world.call()).toMatchObject({ status: 503, body: "" });
    expect(fault.hits).toBe(1);
  });
});

describe("rest-cut", () => {
  it.each([
    { when: "before", carriedOut: 0 },
    { when: "after", carriedOut: 1 },
  ] as const)("cuts $when the request is carried out, and the caller cannot know", async ({ when, carriedOut }) => {
    const world = await withMethods();
    const calls = answering(world);
    const fault = world.hub.faults.add("rest-cut", { when, operation: "methods" }, { times: 1 });
    await expect(world.call()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect([calls(), fault.hits]).toEqual([carriedOut, 1]);
  });
});

describe("rest-stalled", () => {
  it.each([
    { when: "before", carriedOut: 0 },
    { when: "after", carriedOut: 1 },
  ] as const)("stalls $when the request is carried out, until it is over", async ({ when, carriedOut }) => {
    const world = await withMethods();
    const calls = answering(world);
    const fault = world.hub.faults.add("rest-stalled", { when, operation: "methods" });
    const asked = world.call();
    const answered = watch(asked);
    await fault.waitForHits();
    await world.rest("GET", "/twins/board-1");
    expect([calls(), answered()]).toEqual([carriedOut, false]);
    await fault.end();
    expect((await asked).status).toBe(200);
  });
});

/** A message that asks for a fault, as the SDKs' own tests send it. */
async function inject(world: FaultyWorld, type: string, delayS = 0): Promise<void> {
  const bag = `AzIoTHub_FaultOperationType=${type}&AzIoTHub_FaultOperationCloseReason=boom`;
  const times = `AzIoTHub_FaultOperationDelayInSecs=${delayS}&AzIoTHub_FaultOperationDurationInSecs=10`;
  await world.board.client
    .publishAsync(`devices/board-1/messages/events/${bag}&${times}`, "", { qos: 1 })
    .catch(() => undefined);
}

describe("a message that asks for a fault", () => {
  it.each([
    { type: "KillTcp", names: ["reset"] },
    { type: "ShutDownMqtt", names: ["close"] },
    { type: "InvokeThrottling", names: ["throttled"] },
    { type: "InvokeMaxMessageQuota", names: ["quota-exhausted"] },
    { type: "InvokeAuthError", names: ["connack-refused", "token-expired"] },
    { type: "KillAmqpConnection", names: [] },
  ])("gets it: $type", async ({ type, names }) => {
    const world = await withMethods();
    await inject(world, type, 3);
    const added = world.hub.faults.list();
    expect(added.map(({ name, state, options }) => [name, state, options.deviceId])).toEqual(
      names.map((name) => [name, "waiting", "board-1"]),
    );
  });

  it("loses its connection after the delay", async () => {
    const world = await withMethods();
    await inject(world, "KillTcp", 3);
    expect(world.board.client.connected).toBe(true);
    world.clock.advance(3000);
    await world.board.closed();
    expect((await world.connect()).client.connected).toBe(true);
  });

  it("is refused for a while", async () => {
    const world = await withMethods();
    await inject(world, "InvokeAuthError");
    await world.board.closed();
    await expect(world.connect()).rejects.toMatchObject({ code: 5 });
    world.clock.advance(10_000);
    expect((await world.connect()).client.connected).toBe(true);
  });
});
