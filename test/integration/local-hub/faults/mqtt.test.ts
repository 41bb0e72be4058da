import { describe, expect, it } from "vitest";
import type { FaultName } from "../../../../service-tools/local-hub/faults/catalog.ts";
import type { Fault, FaultOptions } from "../../../../service-tools/local-hub/faults/fault.ts";
import { mqttKinds } from "../../../../service-tools/local-hub/faults/mqtt-kinds.ts";
import { methodKinds } from "../../../../service-tools/local-hub/faults/method-kinds.ts";
import { twinKinds } from "../../../../service-tools/local-hub/faults/twin-kinds.ts";
import { FaultyHub, watch } from "../../../support/faulty-hub.ts";

const TELEMETRY = "devices/board-1/messages/events/";
const DESIRED = "$iothub/twin/PATCH/properties/desired/#";
const METHODS = "$iothub/methods/POST/#";

interface Row {
  readonly fault: FaultName;
  readonly parameters?: object;
  readonly what: string;
  /** What is seen, on the wire alone, after the fault was added. */
  readonly seen: (faulty: FaultyHub, fault: Fault) => Promise<unknown>;
  readonly is: unknown;
}

async function refusal(connecting: Promise<unknown>): Promise<unknown> {
  return connecting.then(
    () => "let in",
    (error: { code?: number }) => error.code,
  );
}

const connections: Row[] = [
  ...[2, 3, 4, 5].map((code): Row => ({
    fault: "connack-refused",
    parameters: { code },
    what: `refuses with ${code}, once`,
    seen: async (faulty) => [await refusal(faulty.connect()), await refusal(faulty.connect())],
    is: [code, "let in"],
  })),
  {
    fault: "connack-lost",
    what: "leaves a client waiting that the hub takes for connected",
    seen: async (faulty, fault) => {
      const answered = watch(faulty.connect());
      await fault.waitForHits();
      await faulty.board.closed();
      await expect.poll(async () => (await faulty.rest("GET", "/devices/board-1")).body).toContain('"Connected"');
      return answered();
    },
    is: false,
  },
  {
    fault: "closed-after-connack",
    what: "lets in and throws out",
    seen: async (faulty) => (await faulty.connect()).closed(),
    is: undefined,
  },
  {
    fault: "session-forgotten",
    what: "comes back without its session",
    seen: async (faulty) => {
      const first = await faulty.connect({ clean: false });
      await first.client.subscribeAsync(DESIRED);
      await first.client.endAsync();
      return [(await faulty.connect({ clean: false })).sessionPresent, await refusal(faulty.connect())];
    },
    is: [false, "let in"],
  },
  {
    fault: "suback-refused",
    what: "grants nothing",
    seen: async ({ board }) =>
      new Promise((resolve) => {
        board.client.on("packetreceive", (packet) => {
          if (packet.cmd === "suback") resolve(packet.granted);
        });
        board.client.subscribe(DESIRED);
      }),
    is: [128],
  },
  {
    fault: "suback-lost",
    what: "subscribes and does not say so",
    seen: async (faulty, fault) => {
      const answered = watch(faulty.board.client.subscribeAsync(DESIRED));
      await fault.waitForHits();
      await faulty.desire({ a: 1 });
      return [await faulty.nextVersions(1), answered()];
    },
    is: [[2], false],
  },
  {
    fault: "puback-lost",
    what: "takes a message and does not say so",
    seen: async (faulty, fault) => {
      const answered = watch(faulty.board.client.publishAsync(TELEMETRY, "1", { qos: 1 }));
      await fault.waitForHits();
      return [(await faulty.rest("GET", "/local-hub/events")).body.split("\n").length - 1, answered()];
    },
    is: [1, false],
  },
  {
    fault: "pingresp-lost",
    what: "does not answer a ping",
    seen: async (faulty, fault) => {
      const heard: string[] = [];
      faulty.board.client.on("packetreceive", ({ cmd }) => heard.push(cmd));
      faulty.board.client.sendPing();
      await fault.waitForHits();
      await faulty.getTwin();
      return heard;
    },
    is: ["publish"],
  },
];

const throttling: Row[] = [
  ...(["documented", "empty"] as const).flatMap((body): Row[] => [
    {
      fault: "throttled",
      parameters: { body },
      what: `refuses the twin, its body ${body}`,
      seen: async (faulty) => shape(await faulty.getTwin()),
      is: ["429", body === "empty" ? "" : 429_001],
    },
    {
      fault: "throttled",
      parameters: { body },
      what: `refuses what is reported, its body ${body}`,
      seen: async (faulty) => [shape(await faulty.report({ a: 1 })), await faulty.reported()],
      is: [["429", body === "empty" ? "" : 429_001], {}],
    },
  ]),
  {
    fault: "throttled",
    what: "closes on telemetry",
    seen: async ({ board }) => {
      board.client.publish(TELEMETRY, "1", { qos: 1 });
      await board.closed();
    },
    is: undefined,
  },
  {
    fault: "throttled",
    parameters: { retryAfterS: 7 },
    what: "refuses services",
    seen: async (faulty) => {
      const { status, headers } = await faulty.rest("GET", "/twins/board-1");
      return [status, headers["retry-after"]];
    },
    is: [429, "7"],
  },
  {
    fault: "quota-exhausted",
    parameters: { twins: "refuse" },
    what: "refuses the twin",
    seen: async (faulty) => shape(await faulty.getTwin()),
    is: ["403", 403_002],
  },
  {
    fault: "quota-exhausted",
    what: "closes on what is asked of a twin",
    seen: async (faulty) => {
      faulty.getTwinInVain();
      await faulty.board.closed();
    },
    is: undefined,
  },
  {
    fault: "quota-exhausted",
    what: "closes on telemetry",
    seen: async ({ board }) => {
      board.client.publish(TELEMETRY, "1");
      await board.closed();
    },
    is: undefined,
  },
  {
    fault: "quota-exhausted",
    what: "refuses services",
    seen: async (faulty) => (await faulty.rest("GET", "/twins/board-1")).status,
    is: 403,
  },
];

/** The status, and the error code in the body. */
function shape([status, body]: [string, string]): unknown[] {
  if (body === "") return [status, ""];
  const { errorCode }: { errorCode?: number } = JSON.parse(body);
  return [status, errorCode];
}

const codes = {
  "429": 429_001,
  "500": 500_001,
  "503": 503_001,
  "504": 504_101,
  "403001": 403_001,
  "403010": 403_010,
  "403012": 403_012,
  "404012": 404_012,
} as const;

const twins: Row[] = [
  ...(["429", "500", "503", "504", "403010", "403012"] as const).flatMap((status): Row[] => [
    {
      fault: "twin-refused",
      parameters: { status, operation: "get" },
      what: `refuses the twin with ${status}`,
      seen: async (faulty) => [(await faulty.report({ a: 1 }))[0], shape(await faulty.getTwin())],
      is: ["204", [status.slice(0, 3), codes[status]]],
    },
    {
      fault: "twin-refused",
      parameters: { status, operation: "report", body: "empty" },
      what: `refuses what is reported with ${status} and an empty body`,
      seen: async (faulty) => [(await faulty.getTwin())[0], await faulty.report({ a: 1 }), await faulty.reported()],
      is: ["200", [status.slice(0, 3), ""], {}],
    },
  ]),
  {
    fault: "twin-request-lost",
    parameters: { operation: "report" },
    what: "is not carried out and not answered",
    seen: async (faulty, fault) => {
      faulty.reportInVain({ lost: true });
      await fault.waitForHits();
      return [
        (await faulty.report({ kept: true }))[0],
        await faulty.reported(),
        await faulty.unread("$iothub/twin/res/"),
      ];
    },
    is: ["204", { kept: true }, 0],
  },
  {
    fault: "twin-answer-lost",
    parameters: { operation: "report" },
    what: "is carried out and not answered",
    seen: async (faulty, fault) => {
      faulty.reportInVain({ a: 1 });
      await fault.waitForHits();
      return [(await faulty.report({ b: 1 }))[0], await faulty.reported(), await faulty.unread("$iothub/twin/res/")];
    },
    is: ["204", { a: 1, b: 1 }, 0],
  },
  {
    fault: "twin-answer-lost",
    parameters: { operation: "get" },
    what: "is asked for and never comes",
    seen: async (faulty, fault) => {
      faulty.getTwinInVain();
      await fault.waitForHits();
      return [(await faulty.getTwin())[0], faulty.board.received.length];
    },
    is: ["200", 0],
  },
  {
    fault: "twin-answer-delayed",
    parameters: { operation: "get", delayMs: 500 },
    what: "is answered after a later request",
    seen: async (faulty, fault) => {
      faulty.getTwinInVain();
      await fault.waitForHits();
      const [later] = await faulty.report({ a: 1 });
      faulty.clock.advance(500);
      return [later, (await faulty.board.next("$iothub/twin/res/")).topic];
    },
    is: ["204", "$iothub/twin/res/200/?$rid=1"],
  },
  {
    fault: "no-twins",
    what: "closes on what is asked of a twin",
    seen: async (faulty) => {
      faulty.getTwinInVain();
      await faulty.board.closed();
    },
    is: undefined,
  },
  {
    fault: "desired-lost",
    what: "leaves a change untold",
    seen: async (faulty) => {
      await faulty.desire({ a: 1 });
      await faulty.desire({ a: 2 });
      return [await faulty.nextVersions(1), await faulty.unread("$iothub/twin/PATCH/")];
    },
    is: [[3], 0],
  },
  {
    fault: "desired-duplicated",
    parameters: { copies: 2 },
    what: "tells a change three times",
    seen: async (faulty) => {
      await faulty.desire({ a: 1 });
      await faulty.desire({ a: 2 });
      return faulty.nextVersions(4);
    },
    is: [2, 2, 2, 3],
  },
  {
    fault: "desired-delayed",
    parameters: { delayMs: 500 },
    what: "tells a change later than the next",
    seen: async (faulty) => {
      await faulty.desire({ a: 1 });
      await faulty.desire({ a: 2 });
      const before = await faulty.nextVersions(1);
      faulty.clock.advance(500);
      return [before, await faulty.nextVersions(1)];
    },
    is: [[3], [2]],
  },
  {
    fault: "desired-reordered",
    what: "tells a change after the next",
    seen: async (faulty) => {
      await faulty.desire({ a: 1 });
      await faulty.desire({ a: 2 });
      return faulty.nextVersions(2);
    },
    is: [3, 2],
  },
  {
    fault: "desired-reordered",
    parameters: { atMostMs: 500 },
    what: "does not wait for ever for a next one",
    seen: async (faulty) => {
      await faulty.desire({ a: 1 });
      const before = await faulty.unread("$iothub/twin/PATCH/");
      faulty.clock.advance(500);
      return [before, await faulty.nextVersions(1)];
    },
    is: [0, [2]],
  },
];

const methods: Row[] = [
  {
    fault: "method-lost",
    what: "never comes, and the caller waits for 504",
    seen: async (faulty, fault) => {
      const caller = faulty.call();
      await fault.waitForHits();
      faulty.clock.advance(30_000);
      return [(await caller).status, await faulty.unread("$iothub/methods/")];
    },
    is: [504, 0],
  },
  {
    fault: "method-late",
    what: "comes when the caller has given up",
    seen: async (faulty, fault) => {
      const caller = faulty.call();
      await fault.waitForHits();
      const before = await faulty.unread("$iothub/methods/");
      faulty.clock.advance(30_000);
      const { status } = await caller;
      return [before, status, (await faulty.called()) !== ""];
    },
    is: [0, 504, true],
  },
  ...(["same", "other"] as const).map((requestId): Row => ({
    fault: "method-duplicated",
    parameters: { requestId },
    what: `comes twice, the request id ${requestId}`,
    seen: async (faulty) => {
      const caller = faulty.call();
      const [first, second] = [await faulty.called(), await faulty.called()];
      faulty.answerCall(second);
      faulty.answerCall(first);
      return [first === second, (await caller).status];
    },
    is: [requestId === "same", 200],
  })),
  {
    fault: "method-answer-lost",
    what: "is answered, and the caller hears 504",
    seen: async (faulty, fault) => {
      const caller = faulty.call();
      faulty.answerCall(await faulty.called());
      await fault.waitForHits();
      faulty.clock.advance(30_000);
      return (await caller).status;
    },
    is: 504,
  },
];

const rows = [...connections, ...throttling, ...twins, ...methods];
const once: FaultOptions = { times: 1 };

/** A board that has subscribed to all there is, but for the filters that a row is about. */
async function hubFor({ fault }: Row, webSockets: boolean): Promise<FaultyHub> {
  const faulty = await FaultyHub.begin(webSockets);
  await faulty.board.client.subscribeAsync("$iothub/twin/res/#");
  if (!fault.startsWith("suback-")) await faulty.board.client.subscribeAsync([DESIRED, METHODS]);
  return faulty;
}

describe.each([
  { way: "MQTT", webSockets: false },
  { way: "WebSockets", webSockets: true },
])("over $way", ({ webSockets }) => {
  it.each(rows)("$fault $what", async (row) => {
    const faulty = await hubFor(row, webSockets);
    const fault = faulty.hub.faults.addUntyped(row.fault, row.parameters ?? {}, once);
    expect(await row.seen(faulty, fault)).toEqual(row.is);
    expect([fault.hits, fault.state]).toEqual([1, "over"]);
  });

  it.each(["kick", "token-expired"] as const)("%s closes the connection, and accepts the next", async (name) => {
    const faulty = await FaultyHub.begin(webSockets);
    const other = await faulty.connect({ deviceId: "board-2" });
    const fault = faulty.hub.faults.add(name, {}, { deviceId: "board-1" });
    await faulty.board.closed();
    expect([fault.hits, other.client.connected]).toEqual([1, true]);
    expect((await faulty.connect()).client.connected).toBe(true);
  });

  it.each([
    { sessions: "kept", present: true },
    { sessions: "lost", present: false },
  ] as const)("restart ends all connections, and comes back with sessions $sessions", async ({ sessions, present }) => {
    const faulty = await FaultyHub.begin(webSockets);
    const board = await faulty.connect({ clean: false });
    await board.client.subscribeAsync(DESIRED);
    faulty.hub.faults.add("restart", { downMs: 1000, sessions });
    await board.closed();
    await expect(faulty.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    faulty.clock.advance(1000);
    await expect.poll(() => refusal(faulty.connect({ deviceId: "board-2" }))).toBe("let in");
    expect((await faulty.connect({ clean: false })).sessionPresent).toBe(present);
  });
});

it("there is a row for each fault of MQTT, twins and methods that acts on occasions", () => {
  const shown = new Set<string>(rows.map(({ fault }) => fault));
  const kinds = Object.entries({ ...mqttKinds, ...twinKinds, ...methodKinds });
  expect(kinds.filter(([name, { acts }]) => acts === "occasion" && !shown.has(name))).toEqual([]);
});
