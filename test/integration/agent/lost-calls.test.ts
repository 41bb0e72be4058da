import { describe, expect, it } from "vitest";
import type { Connection } from "../../../agent/hub/connection.ts";
import { connectBoard, scriptedHub } from "../../support/scripted-hub.ts";

/* A call that is under way when the connection ends fails by that end, whichever error the SDK has for it. */

const calls: readonly (readonly [string, sent: string, (connection: Connection) => Promise<unknown>])[] = [
  [
    "a subscription",
    "$iothub/methods/POST/#",
    (connection) =>
      connection.subscribe({
        onMethod: () => Promise.resolve({ status: 200, payload: { Response: "" } }),
        onMethodAnswered: () => undefined,
        onDesiredChange: () => undefined,
      }),
  ],
  ["a subscription for the twin", "$iothub/twin/res/#", (connection) => connection.readTwin()],
  ["a reading", "$iothub/twin/GET/", (connection) => connection.readTwin()],
  ["a report", "$iothub/twin/PATCH/properties/reported/", (connection) => connection.updateReported({ a: 1 })],
  [
    "a message",
    "/messages/events/",
    (connection) => connection.sendTelemetry({ body: { kind: "health" }, properties: { kind: "health" } }),
  ],
];

describe.each(["close", "reset"] as const)("a %s", (end) => {
  it.each(calls)("during %s", async (_what, sent, call) => {
    const hub = await scriptedHub({ answer: (received) => (received.includes(sent) ? end : []) });
    const connection = await connectBoard(hub);
    await expect(call(connection)).rejects.toMatchObject({ kind: "lost" });
    expect(await connection.lost).toMatchObject({ kind: "lost" });
  });
});

describe("a connection that has ended", () => {
  it.each(calls)("refuses %s at once, after its own close", async (_what, _sent, call) => {
    const connection = await connectBoard(await scriptedHub({ answer: () => [] }));
    await connection.close();
    await expect(call(connection)).rejects.toMatchObject({ kind: "own" });
  });

  it.each(calls)("refuses %s at once, after its loss", async (_what, _sent, call) => {
    const hub = await scriptedHub({ answer: (received) => (received.includes("$iothub/twin/GET/") ? "close" : []) });
    const connection = await connectBoard(hub);
    await expect(connection.readTwin()).rejects.toMatchObject({ kind: "lost" });
    await expect(call(connection)).rejects.toMatchObject({ kind: "lost" });
  });
});
