import { request } from "node:https";
import { connect } from "mqtt";
import { describe, expect, it } from "vitest";
import { faultNames, randomFault } from "../../../../service-tools/local-hub/faults/catalog.ts";
import type { FaultName } from "../../../../service-tools/local-hub/faults/catalog.ts";
import { FaultyHub } from "../../../support/faulty-hub.ts";
import { randomFrom } from "../../../support/random.ts";
import { rawOptions } from "../../../support/raw-mqtt.ts";

const DESIRED = "$iothub/twin/PATCH/properties/desired/#";
const METHODS = "$iothub/methods/POST/#";

/** Uses every way in at once and waits for nothing: whatever becomes of it is the faults' affair. Answers how to stop. */
function useEverything(faulty: FaultyHub): () => void {
  const { hub, board } = faulty;
  faulty.getTwinInVain();
  faulty.reportInVain({ at: "once" });
  board.client.publish("devices/board-1/messages/events/", "1", { qos: 1 });
  const other = connect(`mqtts://localhost:${hub.ports.mqtt}`, rawOptions(hub, { deviceId: "board-2" }));
  other.on("error", () => undefined);
  const images = request(hub.imagesUrl, { ca: hub.ca, agent: false }, (answer) => answer.resume());
  images.on("error", () => undefined);
  images.end();
  for (const asked of [faulty.desire({ at: "once" }), faulty.call()]) asked.catch(() => undefined);
  return () => {
    other.end(true);
    images.destroy();
  };
}

/** Everything works, as if nothing had ever been the matter. */
async function works(faulty: FaultyHub): Promise<unknown[]> {
  const board = await faulty.connect({ clean: true });
  await board.client.subscribeAsync(["$iothub/twin/res/#", DESIRED, METHODS]);
  const [got] = await faulty.getTwin(board);
  const [reported] = await faulty.report({ works: true }, board);
  const notified = board.next("$iothub/twin/PATCH/properties/desired/");
  await faulty.desire({ works: true });
  await notified;
  board.client.on("message", (topic) => {
    if (!topic.startsWith("$iothub/methods/")) return;
    board.client.publish(topic.replace("POST/go", "res/200"), "{}");
  });
  return [got, reported, (await faulty.call()).status];
}

async function afterwards(names: readonly FaultName[], random: () => number): Promise<unknown[]> {
  const faulty = await FaultyHub.begin(random() < 0.5);
  await faulty.board.client.subscribeAsync(["$iothub/twin/res/#", DESIRED, METHODS]);
  const drawn = names.map((name) => randomFault(random, [name]));
  const added = drawn.map(({ name, parameters }) => faulty.hub.faults.addUntyped(name, parameters, {}));
  const stop = useEverything(faulty);
  faulty.clock.advance(1000);
  await new Promise((resolve) => setImmediate(resolve));
  await faulty.hub.faults.clear();
  // What a fault has held back is told late.
  faulty.clock.advance(600_000);
  stop();
  expect(added.map(({ state }) => state)).toEqual(names.map(() => "over"));
  return works(faulty);
}

const all = faultNames();
const chance = randomFrom(20_261_121);
const pairs = all.map((first): [FaultName, FaultName] => [first, randomFault(chance).name]);

describe("when it has ended, the hub is back to normal:", () => {
  it.each(all)("%s", async (name) => {
    expect(await afterwards([name], randomFrom(1 + all.indexOf(name)))).toEqual(["200", "204", 200]);
  });

  it.each(pairs)("%s and %s", async (first, second) => {
    expect(await afterwards([first, second], randomFrom(1000 + all.indexOf(first)))).toEqual(["200", "204", 200]);
  });
});
