import { chmod, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Gate } from "../support/gate.ts";
import { imageServer, serving, testImage, type ImageServer, type TestImage } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { AgentProcess, boardProcess, type BoardProcess } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { at } from "../support/paths.ts";
import { ServiceApp } from "../support/service-app.ts";

interface Setup {
  readonly board: BoardProcess;
  readonly service: ServiceApp;
  readonly server: ImageServer;
  readonly image: TestImage;
  readonly request: object;
}

async function setup(env: Record<string, string> = {}): Promise<Setup> {
  const hub = await testHub();
  const image = testImage();
  const server = await imageServer(serving(image));
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  await writeFile(caFile, server.ca);
  const board = await boardProcess(hub, "board-1", { BOARDKEEPER_UPDATE_CA_FILE: caFile, ...env });
  const request = {
    fwPackageUri: `${server.origin}/x`,
    fwPackageCheckValue: image.sha256,
    fwVersion: "2.0.0",
    operationId: "op-1",
  };
  return { board, service: new ServiceApp(hub), server, image, request };
}

/** Holds the first download in its middle; later ones are served. */
function holdFirst({ server, image }: Setup): Gate {
  const gate = new Gate();
  server.answer = (_request, response) => {
    server.answer = serving(image);
    response.writeHead(200, { "content-length": image.sizeBytes });
    response.write(image.content.subarray(0, 100_000), () => void gate.pass());
  };
  return gate;
}

describe("kill -9 in the middle of a download", () => {
  it("of the agent: its board starts it again, and the update completes", async () => {
    const made = await setup();
    const held = holdFirst(made);
    const { pid } = await made.board.start().line({ msg: "agent started" });
    await made.service.callMethod("firmwareUpdate", made.request);
    await held.reached;
    process.kill(Number(pid), "SIGKILL");
    const reported = await made.service.untilReported("boardkeeper.update.phase", "completed");
    expect(at(reported, "boardkeeper.update")).toMatchObject({ operationId: "op-1", version: "2.0.0" });
    expect(at(reported, "firmware.currentFwVersion")).toBe("2.0.0");
    expect(made.server.requests).toHaveLength(2);
  });

  it("of the board and all: the next start goes on, and the update completes", async () => {
    const made = await setup();
    const held = holdFirst(made);
    const first = made.board.start();
    await made.service.callMethod("firmwareUpdate", made.request);
    await held.reached;
    first.killAll();
    await first.exited;
    made.board.start();
    const reported = await made.service.untilReported("boardkeeper.update.phase", "completed");
    expect(at(reported, "boardkeeper.update.operationId")).toBe("op-1");
    // The end is reported first, then the image is removed.
    await expect.poll(() => readdir(join(made.board.folder, "state", "staging"))).toStrictEqual([]);
  });
});

describe("the plug is pulled", () => {
  it.each([
    ["downloading", "0"],
    ["applying", "3"],
    ["proving", "0"],
  ])("while %s: the update completes, and every reboot is reported", async (phase, pauseSeconds) => {
    const made = await setup({ BOARDKEEPER_SIMULATION_PAUSE_SECONDS: pauseSeconds });
    const held = phase === "downloading" ? holdFirst(made).reached : undefined;
    const board = made.board.start();
    await made.service.callMethod("firmwareUpdate", made.request);
    await board.line({ msg: "update phase", to: phase });
    await held;
    board.signal("SIGUSR2");
    const reported = await made.service.untilReported("boardkeeper.update.endedAt", (time) => time !== undefined);
    // Before the commit a board without power falls back, as it should; it never stays between.
    const expected = phase === "proving" ? ["completed", "rolledBack"] : ["completed"];
    expect(expected).toContain(at(reported, "boardkeeper.update.phase"));
    expect(reported["rebootTime"]).toBeDefined();
  });
});

describe("SIGTERM", () => {
  it("stops a board that waits, with status 0", async () => {
    const { board } = await setup();
    const agent = board.start();
    await agent.line({ msg: "connected to the hub" });
    agent.signal("SIGTERM");
    expect(await agent.exited).toBe(0);
    expect(await agent.line({ msg: "stopped" })).toBeDefined();
  });

  it("stops a board in the middle of a download, which goes on at the next start", async () => {
    const made = await setup();
    const held = holdFirst(made);
    const agent = made.board.start();
    await made.service.callMethod("firmwareUpdate", made.request);
    await held.reached;
    agent.signal("SIGTERM");
    expect(await agent.exited).toBe(0);
    made.board.start();
    await made.service.untilReported("boardkeeper.update.phase", "completed");
    expect(made.server.requests).toHaveLength(2);
  });

  it("stops a board that cannot reach its hub", async () => {
    const folder = await temporaryFolder();
    const agent = new AgentProcess(["run", "--simulate", "--state-dir", folder], {
      IOTHUB_DEVICE_CONNECTION_STRING: "HostName=localhost:1;DeviceId=d;SharedAccessKey=YQ==",
    });
    await agent.line({ msg: "not connected to the hub" });
    agent.signal("SIGTERM");
    expect(await agent.exited).toBe(0);
  });
});

describe("an error that nobody caught", () => {
  it.each(["uncaughtException", "unhandledRejection"])(
    "%s: is logged with its cause, and the next agent goes on",
    async (origin) => {
      const folder = await temporaryFolder();
      const preload = join(folder, "fault.mjs");
      const fault = 'new Error("boom", { cause: new Error("deep down") })';
      const throwing = origin === "uncaughtException" ? `throw ${fault};` : `Promise.reject(${fault});`;
      // In the agent alone, and once: when the test has left a mark.
      const script = `import { existsSync, rmSync } from "node:fs";
      if (process.env.BOARDKEEPER_BOARD_FILE) setInterval(() => {
        if (existsSync("${folder}/now")) { rmSync("${folder}/now"); ${throwing} }
      }, 5).unref();`;
      await writeFile(preload, script);
      const made = await setup({ NODE_OPTIONS: `--import ${preload}` });
      const held = holdFirst(made);
      const agent = made.board.start();
      await made.service.callMethod("firmwareUpdate", made.request);
      await held.reached;
      await writeFile(join(folder, "now"), "");
      expect(await agent.line({ level: "fatal" })).toMatchObject({
        msg: "unexpected error, ending",
        origin,
        err: { message: "boom", cause: { message: "deep down" } },
      });
      expect(await agent.line({ msg: "agent ended, starting it again" })).toMatchObject({ status: 1 });
      await made.service.untilReported("boardkeeper.update.phase", "completed");
    },
  );
});

it("an operator's own program installs, and what it says is the proof", async () => {
  const folder = await temporaryFolder();
  const program = join(folder, "installer");
  const script = [
    "#!/bin/sh",
    `cd ${folder}`,
    'echo "$1" >> verbs',
    'case "$1" in',
    '  install) cp "$BOARDKEEPER_IMAGE_PATH" new.img; echo "$BOARDKEEPER_VERSION" > new.version ;;',
    "  arm) mv new.img current.img; mv new.version current.version ;;",
    "  running-version) cat current.version 2>/dev/null || echo 1.0.0 ;;",
    "esac",
  ].join("\n");
  await writeFile(program, script);
  await chmod(program, 0o700);
  const { board, service, image, request } = await setup({
    BOARDKEEPER_UPDATE_INSTALLER: "command",
    BOARDKEEPER_UPDATE_COMMAND_PROGRAM: program,
    BOARDKEEPER_UPDATE_COMMAND_RESTART: "none",
  });
  board.start();
  await service.callMethod("firmwareUpdate", request);
  const reported = await service.untilReported("boardkeeper.update.phase", "completed");
  expect(at(reported, "firmware.currentFwVersion")).toBe("2.0.0");
  expect(reported["rebootTime"]).toBeUndefined();
  expect((await readFile(join(folder, "current.img"))).equals(image.content)).toBe(true);
  const verbs = (await readFile(join(folder, "verbs"), "utf8"))
    .trim()
    .split("\n")
    .filter((verb) => verb !== "running-version");
  expect(verbs).toStrictEqual(["prepare", "install", "arm", "commit"]);
});
