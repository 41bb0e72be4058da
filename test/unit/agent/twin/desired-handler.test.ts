import { expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { DesiredHandler } from "../../../../agent/twin/desired-handler.ts";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import { quiet } from "../../../support/logs.ts";
import { settle } from "../../../support/fake-time.ts";
import { Gate } from "../../../support/gate.ts";

/** A handler whose configuration takes until the gate opens, if there is one. */
function setup({ gate, isRecovered = true }: { gate?: Gate; isRecovered?: boolean } = {}) {
  const seen: string[] = [];
  const board = { isRecovered };
  const handler = new DesiredHandler({
    alerts: new Alerts([]),
    log: quiet,
    isRecovered: () => board.isRecovered,
    remoteConfig: {
      handleDesired: async (_document, version) => {
        seen.push(`configuration ${version}`);
        await gate?.pass();
      },
    },
    firmware: { handleDesired: async (_document, version) => void seen.push(`firmware ${version}`) },
  });
  return { handler, seen, board };
}

const document = (): JsonObject => ({ firmware: {} });

it("applies the configuration before the firmware", async () => {
  const gate = new Gate();
  const { handler, seen } = setup({ gate });
  const handled = handler.handleDesired(document(), 1);
  await settle();
  expect(seen).toStrictEqual(["configuration 1"]);
  gate.open();
  await handled;
  expect(seen).toStrictEqual(["configuration 1", "firmware 1"]);
});

it("leaves the firmware to a document that came while the configuration was checked", async () => {
  const gate = new Gate();
  const { handler, seen } = setup({ gate });
  const first = handler.handleDesired(document(), 1);
  const second = handler.handleDesired(document(), 2);
  gate.open();
  await Promise.all([first, second]);
  expect(seen).toStrictEqual(["configuration 1", "configuration 2", "firmware 2"]);
});

it("says which version it has handled, once that is done", async () => {
  const gate = new Gate();
  const { handler } = setup({ gate });
  const first = handler.handleDesired(document(), 1);
  const second = handler.handleDesired(document(), 2);
  await settle();
  expect(handler.handledVersion).toBeNull();
  gate.open();
  await Promise.all([first, second]);
  expect(handler.handledVersion).toBe(2);
});

it("handles nothing before the state is recovered, and the last document after that", async () => {
  const { handler, seen, board } = setup({ isRecovered: false });
  await handler.resume();
  await handler.handleDesired(document(), 1);
  await handler.handleDesired(document(), 2);
  expect(seen).toStrictEqual([]);
  expect(handler.handledVersion).toBeNull();
  board.isRecovered = true;
  await handler.resume();
  expect(seen).toStrictEqual(["configuration 2", "firmware 2"]);
});
