import { MqttClient } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { FakeHubSocket } from "../../../../agent/loader/fake-hub.ts";

/** An MQTT client of others on it, connected. */
async function client(onServed: () => void): Promise<MqttClient> {
  const made = new MqttClient(() => new FakeHubSocket(onServed), { clientId: "board", reconnectPeriod: 0 });
  onTestFinished(() => void made.end(true));
  await new Promise<void>((resolve) => made.once("connect", () => resolve()));
  return made;
}

/** The next message: its topic and text. */
async function message(from: MqttClient): Promise<[string, string]> {
  return await new Promise((resolve) => from.once("message", (topic, payload) => resolve([topic, payload.toString()])));
}

it("serves a start: an empty twin, a report, and a method call", async () => {
  let served = 0;
  const board = await client(() => (served += 1));
  const topics = ["$iothub/twin/res/#", "$iothub/methods/POST/#"];
  expect((await board.subscribeAsync(topics, { qos: 1 })).map(({ qos }) => qos)).toEqual([0, 0]);

  const twin = message(board);
  await board.publishAsync("$iothub/twin/GET/?$rid=7", "");
  expect(await twin).toEqual([
    "$iothub/twin/res/200/?$rid=7",
    JSON.stringify({ desired: { $version: 1 }, reported: { $version: 1 } }),
  ]);

  const answers: string[] = [];
  const both = new Promise<void>((resolve) => {
    board.on("message", (topic) => {
      if (answers.push(topic) === 2) resolve();
    });
  });
  const report = JSON.stringify({ boardkeeper: { text: "x".repeat(20_000) } }); // Its length takes three bytes.
  await board.publishAsync("$iothub/twin/PATCH/properties/reported/?$rid=8", report, { qos: 1 });
  await both;
  expect(answers).toEqual(["$iothub/twin/res/204/?$rid=8&$version=2", "$iothub/methods/POST/getStatus/?$rid=1"]);
  expect(served).toBe(0);
  await board.publishAsync("$iothub/methods/res/200/?$rid=1", "{}", { qos: 1 });
  expect(served).toBe(1);
  await board.unsubscribeAsync(topics);
});
