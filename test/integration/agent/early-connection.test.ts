import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createAdapters } from "../../../agent/adapters.ts";
import { createBoard, writeBoard } from "../../../agent/board/simulator/board.ts";
import { loadConfig } from "../../../agent/config/load.ts";
import { createLog } from "../../../agent/lib/log.ts";
import { testHub } from "../../support/local-hub.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/* The adapters of a simulated board, over real TLS, without an agent around them. */

const silent = createLog("error", { write: () => undefined });

it("the hub accepts the first connection before the agent asks for one", async () => {
  const [hub, folder] = [await testHub(), await temporaryFolder()];
  const env = {
    IOTHUB_DEVICE_CONNECTION_STRING: await hub.addDevice("board-1"),
    BOARDKEEPER_HUB_CA_FILE: hub.caFile,
  };
  const launch = { simulate: true, configFile: undefined, deviceId: undefined, moduleId: undefined };
  const config = await loadConfig({ ...launch, env, stateDir: join(folder, "state") });
  const boardFile = join(folder, "board.json");
  await writeBoard(boardFile, { ...createBoard("1.0.0"), bootId: "boot-1" });
  const { registry } = serviceClients(hub);

  const ports = await createAdapters(config, silent, boardFile);
  const state = async (): Promise<string | undefined> => (await registry.get("board-1")).responseBody.connectionState;
  while ((await state())?.toLowerCase() !== "connected") continue; // IoT Hub says "Connected", the SDK's types "connected".
  const connection = await ports.connect(new AbortController().signal);
  onTestFinished(() => connection.close());
  expect((await connection.readTwin()).reported).toStrictEqual({}); // Nothing was reported before the agent was there.
});
