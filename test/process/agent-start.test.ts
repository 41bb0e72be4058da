import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canonicalJson, type JsonObject } from "../../agent/contract/json.ts";
import { testHub } from "../support/local-hub.ts";
import { AgentProcess, boardProcess, type BoardProcess } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { at } from "../support/paths.ts";
import { ServiceApp } from "../support/service-app.ts";

async function setup(): Promise<{ board: BoardProcess; service: ServiceApp }> {
  const hub = await testHub();
  return { board: await boardProcess(hub, "board-1"), service: new ServiceApp(hub) };
}

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
