import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canonicalJson, type JsonObject } from "../../agent/contract/json.ts";
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
    expect(await readdir(join(made.board.folder, "state", "staging"))).toStrictEqual([]);
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

describe("what is refused at the start", () => {
  it("a second agent on the same state folder", async () => {
    const { board } = await setup();
    await board.start().line({ msg: "agent started" });
    const second = board.start();
    expect(await second.exited).toBe(1);
    expect(second.errors).toContain("Another agent is running on");
  });

  it("a wrong config, with every mistake and status 78", async () => {
    const agent = new AgentProcess(["run"], {
      BOARDKEEPER_HUB_TRANSPORT: "pigeon",
      BOARDKEEPER_UPDATE_ALLOW_HTTP: "maybe",
    });
    expect(await agent.exited).toBe(78);
    expect(agent.errors).toContain("the configuration has 3 mistake(s)");
    expect(agent.errors).toContain('hub.transport: expected one of "mqtt", "mqtt-ws", got a text of 6 characters');
    expect(agent.errors).toContain("update.allow-http: expected true or false");
    expect(agent.errors).toContain("connection string: there is none");
  });

  it("a wrong command line, with status 64", async () => {
    const agent = new AgentProcess(["run", "--teleport"], {});
    expect(await agent.exited).toBe(64);
    expect(agent.errors).toContain("--teleport");
    expect(agent.errors).toContain("Usage: boardkeeper-agent");
  });
});

it("a configuration broken by an edit: the last known good one runs, and the twin says so, until it is corrected", async () => {
  const hub = await testHub();
  const service = new ServiceApp(hub);
  const folder = await temporaryFolder();
  const configFile = join(folder, "agent.toml");
  const secretFile = join(folder, "connection-string");
  const stateDir = join(folder, "state");
  const keptFile = join(stateDir, "config.last-good.json");
  await writeFile(secretFile, await hub.addDevice("board-1"), { mode: 0o600 });
  const good = `[agent]\nstate-dir = "${stateDir}"\n[hub]\nca-file = "${hub.caFile}"\nconnection-string-file = "${secretFile}"\ntransport = "mqtt"\n`;
  const broken = good.replace('mqtt"', "mqtt");
  const life = async (toml: string): Promise<AgentProcess> => {
    await writeFile(configFile, toml);
    const startedBefore = await service.reported("boardkeeper.agent.startedAt");
    const agent = new AgentProcess(["run", "--simulate", "--config", configFile], {});
    await service.untilReported("boardkeeper.agent.startedAt", (startedAt) => startedAt !== startedBefore);
    agent.signal("SIGTERM");
    expect(await agent.exited).toBe(0);
    return agent;
  };

  const first = await life(good);
  expect(await first.line({ msg: "last known good configuration stored" })).toBeDefined();
  expect(await service.reported("boardkeeper.agent.problems")).toBeUndefined();
  const kept = await readFile(keptFile, "utf8");

  const agent = await life(broken);
  expect(await agent.line({ level: "error", msg: "mistake in the configuration" })).toMatchObject({
    mistake: expect.stringMatching(/agent\.toml: Invalid TOML/),
  });
  expect(await agent.line({ level: "error", msg: "running with the last known good configuration" })).toBeDefined();
  expect(await service.reported("boardkeeper.agent.problems")).toStrictEqual([
    "The configuration has a mistake, so the last known good one runs. Correct it, then restart the agent.",
    expect.stringMatching(/agent\.toml: Invalid TOML/),
  ]);
  expect(await readFile(keptFile, "utf8")).toBe(kept);

  await life(good);
  expect(await service.reported("boardkeeper.agent.problems")).toBeUndefined();

  await rm(keptFile);
  await writeFile(configFile, broken);
  const refused = new AgentProcess(["run", "--simulate", "--config", configFile], {});
  expect(await refused.exited).toBe(78);
  expect(refused.errors).toMatch(/the configuration has .*agent\.toml: Invalid TOML/s);
});

it("a state of a newer release: the copy before is used, and twin and log say so, until the next start", async () => {
  const { board, service } = await setup();
  const agent = board.start();
  await agent.line({ msg: "state recovered" });
  await service.callMethod("rebootDevice", { delaySeconds: 86_400, operationId: "rb-1" });
  await service.callMethod("cancelReboot", {});
  for (const method of ["rebootDevice", "cancelReboot"])
    await agent.line({ msg: "method answered", method, caller: "hub", status: 200, operationId: "rb-1" });
  agent.signal("SIGTERM");
  await agent.exited;
  const stateFile = join(board.folder, "state", "state.json");
  const { saved } = JSON.parse(await readFile(stateFile, "utf8")) as { saved: JsonObject };
  const newer = canonicalJson({ ...saved, schema: 2 });
  await writeFile(stateFile, `{"checksum":"${createHash("sha256").update(newer).digest("hex")}","saved":${newer}}\n`);

  const staging = join(board.folder, "state", "staging");
  await mkdir(staging, { recursive: true });
  const forgotten = join(staging, `${"0".repeat(64)}.image`);
  const halfSaved = join(board.folder, "state", "state.json.new");
  const theirs = join(staging, "notes.image");
  for (const path of [forgotten, halfSaved, theirs]) await writeFile(path, "x");

  const second = board.start();
  expect(await second.line({ level: "error", msg: "saved state damaged" })).toMatchObject({
    problem: expect.stringContaining("schema: 2 is of a newer release than this one, which reads 1"),
  });
  const reported = await service.untilReported("boardkeeper.agent.problems", (problems) => problems !== undefined);
  expect(at(reported, "boardkeeper.agent.problems")).toStrictEqual([
    expect.stringMatching(/^Saved state: the previous copy is used; an update or a reboot that had not started/),
    expect.stringMatching(/^Saved state: .*state\.json: schema: 2 is of a newer release/),
  ]);
  expect(at(reported, "boardkeeper.reboot.phase")).not.toBe("scheduled");
  const left = await Promise.allSettled([forgotten, halfSaved, theirs].map((path) => stat(path)));
  expect(left.map(({ status }) => status)).toStrictEqual(["rejected", "rejected", "fulfilled"]);
  second.signal("SIGTERM");
  await second.exited;

  board.start();
  await service.untilReported("boardkeeper.agent.problems", (problems) => problems === undefined);
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
