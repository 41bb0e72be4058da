import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { testHub } from "../../support/local-hub.ts";
import { TestBoard, type TestBoardOptions } from "../../support/test-board.ts";
import { goodMetrics } from "../../support/metrics.ts";

it.each<[string, TestBoardOptions]>([
  ["a device over MQTT", { transport: "MQTT" }],
  ["a module over WebSockets", { transport: "WebSockets", moduleId: "boardkeeper" }],
])(
  "the health of a board reaches the hub as a message that it can route by its body, from %s",
  async (_what, options) => {
    const hub = await testHub();
    const board = await TestBoard.start(hub, { ...options, settings: { "health.every-seconds": 3600 } });
    const lines = async (): Promise<string[]> =>
      (await readFile(join(hub.folder, "state", "telemetry.jsonl"), "utf8").catch(() => ""))
        .split("\n")
        .filter(Boolean);
    await expect.poll(lines).toHaveLength(1);
    const event: { body: string } = JSON.parse((await lines())[0] ?? "");
    expect(event).toMatchObject({
      deviceId: board.deviceId,
      properties: { kind: "health" },
      systemProperties: { "content-type": "application/json", "content-encoding": "utf-8" },
    });
    expect(JSON.parse(event.body)).toMatchObject({ kind: "health", reason: "start", alerts: [], ...goodMetrics });
  },
);
