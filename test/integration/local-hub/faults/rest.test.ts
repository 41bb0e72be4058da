import { describe, expect, it } from "vitest";
import { FaultyHub, watch } from "../../../support/faulty-hub.ts";

const METHODS = "$iothub/methods/POST/#";

async function withMethods(): Promise<FaultyHub> {
  const faulty = await FaultyHub.begin(false);
  await faulty.board.client.subscribeAsync(["$iothub/twin/res/#", METHODS]);
  return faulty;
}

/** Answers the calls of `go` that reach the board; tells how many there have been. */
function answering(faulty: FaultyHub): () => number {
  let calls = 0;
  faulty.board.client.on("message", (topic) => {
    if (!topic.startsWith("$iothub/methods/")) return;
    calls += 1;
    faulty.answerCall(topic.split("$rid=")[1] ?? "");
  });
  return () => calls;
}

describe("rest-refused", () => {
  it.each(["429", "500", "503"] as const)("answers %s with Retry-After, and nothing is carried out", async (status) => {
    const faulty = await withMethods();
    const calls = answering(faulty);
    const fault = faulty.hub.faults.add("rest-refused", { status, retryAfterS: 9 }, { times: 1 });
    const answer = await faulty.call();
    expect([answer.status, answer.headers["retry-after"], answer.body === ""]).toEqual([Number(status), "9", false]);
    expect([calls(), fault.hits, (await faulty.call()).status]).toEqual([0, 1, 200]);
  });

  it.each([
    ["403010", "OperationNotAvailableInCurrentTier"],
    ["403012", "DeviceDisabled"],
    ["403800", "DeviceMaximumInflightMethodExceeded"],
  ] as const)("answers %s by number to a method call, and by name to a request for a twin", async (status, name) => {
    const faulty = await withMethods();
    faulty.hub.faults.add("rest-refused", { status });
    const call = await faulty.call();
    expect([call.status, call.body]).toEqual([403, expect.stringContaining(status) as string]);
    expect((await faulty.rest("GET", "/twins/board-1")).headers["iothub-errorcode"]).toBe(name);
  });

  it("can have an empty body, and be limited to one operation and one device", async () => {
    const faulty = await withMethods();
    const only = { operation: "methods", body: "empty", status: "503" } as const;
    const fault = faulty.hub.faults.add("rest-refused", only, { deviceId: "board-1" });
    expect((await faulty.rest("GET", "/twins/board-1")).status).toBe(200);
    expect((await faulty.rest("POST", "/twins/board-2/methods", { methodName: "go" })).status).toBe(404);
    expect(await faulty.call()).toMatchObject({ status: 503, body: "" });
    expect(fault.hits).toBe(1);
  });
});

describe("rest-cut", () => {
  it.each([
    { when: "before", carriedOut: 0 },
    { when: "after", carriedOut: 1 },
  ] as const)("cuts $when the request is carried out, and the caller cannot know", async ({ when, carriedOut }) => {
    const faulty = await withMethods();
    const calls = answering(faulty);
    const fault = faulty.hub.faults.add("rest-cut", { when, operation: "methods" }, { times: 1 });
    await expect(faulty.call()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect([calls(), fault.hits]).toEqual([carriedOut, 1]);
  });
});

describe("rest-stalled", () => {
  it.each([
    { when: "before", carriedOut: 0 },
    { when: "after", carriedOut: 1 },
  ] as const)("stalls $when the request is carried out, until it is over", async ({ when, carriedOut }) => {
    const faulty = await withMethods();
    const calls = answering(faulty);
    const fault = faulty.hub.faults.add("rest-stalled", { when, operation: "methods" });
    const asked = faulty.call();
    const answered = watch(asked);
    await fault.waitForHits();
    await faulty.rest("GET", "/twins/board-1");
    expect([calls(), answered()]).toEqual([carriedOut, false]);
    await fault.end();
    expect((await asked).status).toBe(200);
  });
});

/** A message that asks for a fault, as the SDKs' own tests send it. */
async function inject(faulty: FaultyHub, type: string, delayS = 0): Promise<void> {
  const bag = `AzIoTHub_FaultOperationType=${type}&AzIoTHub_FaultOperationCloseReason=boom`;
  const times = `AzIoTHub_FaultOperationDelayInSecs=${delayS}&AzIoTHub_FaultOperationDurationInSecs=10`;
  await faulty.board.client
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
    const faulty = await withMethods();
    await inject(faulty, type, 3);
    const added = faulty.hub.faults.list();
    expect(added.map(({ name, state, options }) => [name, state, options.deviceId])).toEqual(
      names.map((name) => [name, "waiting", "board-1"]),
    );
  });

  it("ends its connection after the delay", async () => {
    const faulty = await withMethods();
    await inject(faulty, "KillTcp", 3);
    expect(faulty.board.client.connected).toBe(true);
    faulty.clock.advance(3000);
    await faulty.board.closed();
    expect((await faulty.connect()).client.connected).toBe(true);
  });

  it("is refused for a while", async () => {
    const faulty = await withMethods();
    await inject(faulty, "InvokeAuthError");
    await faulty.board.closed();
    await expect(faulty.connect()).rejects.toMatchObject({ code: 5 });
    faulty.clock.advance(10_000);
    expect((await faulty.connect()).client.connected).toBe(true);
  });
});
