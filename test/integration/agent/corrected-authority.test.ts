import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createAdapters } from "../../../agent/adapters.ts";
import { createAgent } from "../../../agent/create-agent.ts";
import { createBoard, writeBoard } from "../../../agent/board/simulator/board.ts";
import { loadConfig } from "../../../agent/config/load.ts";
import { createLog } from "../../../agent/lib/log.ts";
import { testHub } from "../../support/local-hub.ts";
import { ServiceApp } from "../../support/service-app.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/* The whole agent with the adapters of a simulated board, over real TLS; it is never restarted. */

/** The first wait after a certificate was not trusted, where chance adds nothing. */
const certificateWaitMs = 30_000;

interface Setup {
  readonly caFile: string;
  readonly good: string;
  readonly service: ServiceApp;
  readonly lines: Record<string, unknown>[];
  /** Resolves after so many attempts to connect. */
  readonly attempts: (count: number) => Promise<void>;
}

/** A running agent whose CA file holds the authority of another hub. */
async function running(transport: "mqtt" | "mqtt-ws"): Promise<Setup> {
  const [hub, other, folder] = [await testHub(), await testHub(), await temporaryFolder()];
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, other.ca);
  const env = {
    IOTHUB_DEVICE_CONNECTION_STRING: await hub.addDevice("board-1"),
    BOARDKEEPER_HUB_CA_FILE: caFile,
    BOARDKEEPER_HUB_TRANSPORT: transport,
    BOARDKEEPER_HUB_WEBSOCKET_PORT: String(hub.ports.https),
  };
  const launch = { simulate: true, configFile: undefined, deviceId: undefined, moduleId: undefined };
  const config = await loadConfig({ ...launch, env, stateDir: join(folder, "state") });
  const boardFile = join(folder, "board.json");
  await writeBoard(boardFile, { ...createBoard("1.0.0"), bootId: "boot-1" });
  const lines: Record<string, unknown>[] = [];
  const ports = await createAdapters(
    config,
    createLog("info", { write: (line) => void lines.push(JSON.parse(line)) }),
    boardFile,
  );
  const { timer } = ports.runtime;
  const made = { attempts: 0, waiting: [] as (() => void)[] };
  const agent = createAgent(
    {
      ...ports,
      runtime: {
        ...ports.runtime,
        random: () => 0,
        timer: {
          after: async (delayMs, signal) => await timer.after(delayMs === certificateWaitMs ? 0 : delayMs, signal),
        },
      },
      connect: async (signal) => {
        made.attempts += 1;
        for (const wake of made.waiting.splice(0)) wake();
        return await ports.connect(signal);
      },
    },
    config,
  );
  agent.start();
  onTestFinished(() => agent.stop());
  const attempts = async (wanted: number): Promise<void> => {
    while (made.attempts < wanted) await new Promise<void>((resolve) => made.waiting.push(resolve));
  };
  return { caFile, good: hub.ca, service: new ServiceApp(hub), lines, attempts };
}

it.each(["mqtt", "mqtt-ws"] as const)(
  "an agent whose CA file is corrected after refusals connects over %s without a restart",
  async (transport) => {
    const { caFile, good, service, lines, attempts } = await running(transport);
    await attempts(3);
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "not connected to the hub", diagnosis: "certificate", level: "warn" }),
    );
    await writeFile(caFile, good);
    await service.untilReported("boardkeeper.agent.bootId", "boot-1");
    expect((await service.callMethod("getStatus")).payload).toMatchObject({ link: { up: true, diagnosis: null } });
    expect(lines.filter(({ msg }) => msg === "agent started")).toHaveLength(1);
    expect(lines).toContainEqual(expect.objectContaining({ msg: "certificate authorities read anew", file: caFile }));
    // What was read at the start has never reached the hub.
    expect(lines).not.toContainEqual(expect.objectContaining({ msg: "last known good configuration stored" }));
  },
);

it("a CA file that is deleted, then half written, then complete, is taken when it is complete", async () => {
  const { caFile, good, service, lines, attempts } = await running("mqtt");
  await attempts(2);
  await rm(caFile);
  await attempts(5);
  await writeFile(caFile, good.slice(0, 20));
  await attempts(9);
  expect(
    lines.filter(({ msg }) => String(msg).startsWith("certificate authorities not read anew")).length,
  ).toBeGreaterThan(0);
  await writeFile(caFile, good);
  await service.untilReported("boardkeeper.agent.bootId", "boot-1");
});

it("an authority that is added beside the wrong one is enough", async () => {
  const { caFile, good, service, attempts } = await running("mqtt");
  await attempts(2);
  await writeFile(caFile, `\n${good}`, { flag: "a" });
  await service.untilReported("boardkeeper.agent.bootId", "boot-1");
});
