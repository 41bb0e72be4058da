import { expect, it } from "vitest";
import type { Connection } from "../../../agent/hub/connection.ts";
import { FakeTime, settle } from "../../support/fake-time.ts";
import { connectBoard, publish, scriptedHub } from "../../support/scripted-hub.ts";

/* The board reads its twin after each change that the hub announces, also while it reports: each request has its own answer. */

interface Answer {
  readonly status: number;
  readonly body: string;
}

const taken: Answer = { status: 204, body: "" };
const twin: Answer = { status: 200, body: '{"desired":{"$version":3},"reported":{"$version":1}}' };
const throttled: Answer = { status: 429, body: "" };
const unavailable: Answer = { status: 503, body: "" };
const tooLarge: Answer = { status: 403, body: '{"errorCode":403100,"trackingId":"x","message":"y"}' };
const failsOver: Answer = { status: 404, body: '{"errorCode":404012,"trackingId":"x","message":"y"}' };

type Request = "first reading" | "second reading" | "first report" | "second report";
type Answers = readonly (readonly [to: Request, Answer])[];

/** The ids of the requests of a kind, in the order in which they came. */
function idsOf(received: string, topic: "GET/" | "PATCH/properties/reported/"): readonly string[] {
  const requests = received.split(`$iothub/twin/${topic}?$rid=`).slice(1);
  return requests.map((rest) => rest.slice(0, 36));
}

/** A hub that waits until all these requests have come, and then sends the answers in one piece. */
async function hubThatAnswers(answers: Answers): Promise<{ port: number; ca: string; received: () => string }> {
  let isDone = false;
  return await scriptedHub({
    answer: (received) => {
      const readings = idsOf(received, "GET/");
      const reports = idsOf(received, "PATCH/properties/reported/");
      const ids: Readonly<Record<Request, string | undefined>> = {
        "first reading": readings[0],
        "second reading": readings[1],
        "first report": reports[0],
        "second report": reports[1],
      };
      if (isDone || answers.some(([to]) => ids[to] === undefined)) return [];
      isDone = true;
      return answers.map(([to, { status, body }]) => publish(`$iothub/twin/res/${status}/?$rid=${ids[to]}`, body));
    },
  });
}

const done = { status: "fulfilled" };
const failed = (kind: string): unknown => ({ status: "rejected", reason: { kind } });

it.each<[string, Answers, reading: unknown, report: unknown]>([
  [
    "a throttled report, then a twin",
    [
      ["first report", throttled],
      ["first reading", twin],
    ],
    done,
    failed("throttled"),
  ],
  [
    "a twin, then a throttled report",
    [
      ["first reading", twin],
      ["first report", throttled],
    ],
    done,
    failed("throttled"),
  ],
  [
    "a full twin, then a twin",
    [
      ["first report", tooLarge],
      ["first reading", twin],
    ],
    done,
    failed("twin-full"),
  ],
  [
    "a twin, then a full twin",
    [
      ["first reading", twin],
      ["first report", tooLarge],
    ],
    done,
    failed("twin-full"),
  ],
  [
    "a report, then a failover",
    [
      ["first report", taken],
      ["first reading", failsOver],
    ],
    failed("hub-error"),
    done,
  ],
  [
    "a throttled reading, then a report",
    [
      ["first reading", throttled],
      ["first report", taken],
    ],
    failed("throttled"),
    done,
  ],
  [
    "two refusals",
    [
      ["first reading", unavailable],
      ["first report", tooLarge],
    ],
    failed("hub-error"),
    failed("twin-full"),
  ],
])("in one piece: %s", async (_what, answers, reading, report) => {
  const connection = await connectBoard(await hubThatAnswers(answers));
  const settled = await Promise.allSettled([connection.readTwin(), connection.updateReported({ a: 1 })]);
  expect(settled).toMatchObject([reading, report]);
});

it("in one piece: two readings, of which one is throttled", async () => {
  const connection = await connectBoard(
    await hubThatAnswers([
      ["first reading", throttled],
      ["second reading", twin],
    ]),
  );
  const settled = await Promise.allSettled([connection.readTwin(), connection.readTwin()]);
  expect(settled).toMatchObject([failed("throttled"), done]);
});

it.each<[string, Answer]>([
  ["taken", taken],
  ["throttled", throttled],
  ["refused", tooLarge],
])("a report that was given up and is then %s settles no later one", async (_what, late) => {
  const time = new FakeTime();
  const hub = await hubThatAnswers([
    ["second report", failsOver],
    ["first report", late],
  ]);
  const connection: Connection = await connectBoard(hub, { timer: time });
  const first = Promise.allSettled([connection.updateReported({ a: 1 })]);
  await expect.poll(() => idsOf(hub.received(), "PATCH/properties/reported/")).toHaveLength(1);
  await time.advance(50_000);
  expect(await first).toMatchObject([failed("silent")]);
  await settle();
  expect(await Promise.allSettled([connection.updateReported({ a: 2 })])).toMatchObject([failed("hub-error")]);
});

it("a report without an answer is not refused by the answer to a reading", async () => {
  const time = new FakeTime();
  const connection = await connectBoard(await hubThatAnswers([["first reading", throttled]]), { timer: time });
  const report = Promise.allSettled([connection.updateReported({ a: 1 })]);
  expect(await Promise.allSettled([connection.readTwin()])).toMatchObject([failed("throttled")]);
  await time.advance(50_000);
  expect(await report).toMatchObject([failed("silent")]);
});
