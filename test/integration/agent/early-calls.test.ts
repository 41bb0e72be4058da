import { expect, it } from "vitest";
import { connectBoard, publish, scriptedHub } from "../../support/scripted-hub.ts";

const call = (name: string, id: string): Buffer => publish(`$iothub/methods/POST/${name}/?$rid=${id}`, "{}");

// A hub that kept the device's session may send calls in one piece with CONNACK.
it.each([
  ["one call", ["getStatus"]],
  ["two calls", ["getStatus", "rebootDevice"]],
  ["a call of a method that nobody knows", ["makeCoffee"]],
])("%s that arrives together with CONNACK is answered", async (_what, names) => {
  const hub = await scriptedHub({ withConnack: names.map((name, index) => call(name, `${index + 1}`)) });
  const connection = await connectBoard(hub);
  const called: string[] = [];
  await connection.subscribe({
    onMethod: (name) => {
      called.push(name);
      return Promise.resolve({ status: 200, payload: { Response: "done" } });
    },
    onMethodAnswered: () => undefined,
    onDesiredChange: () => undefined,
  });
  for (const [index] of names.entries())
    await expect.poll(hub.received).toContain(`$iothub/methods/res/200/?$rid=${index + 1}`);
  expect(called).toStrictEqual(names);
});
