import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import { agentCommand } from "../support/agent-command.ts";
import { testHub } from "../support/local-hub.ts";
import { boardProcess } from "../support/processes.ts";

/* An agent that was started by hand has its local API in its state folder: who deletes the folder cuts it off. */

async function setup(): Promise<{ stateDir: string; run: (...args: string[]) => ReturnType<typeof agentCommand> }> {
  const hub = await testHub();
  const board = await boardProcess(hub);
  const agent = board.start();
  await agent.line({ msg: "connected to the hub" });
  const stateDir = join(board.folder, "state");
  const env = {
    IOTHUB_DEVICE_CONNECTION_STRING: hub.deviceConnectionString("board-1"),
    BOARDKEEPER_HUB_CA_FILE: hub.caFile,
    BOARDKEEPER_AGENT_STATE_DIR: stateDir,
  };
  return { stateDir, run: async (...args) => await agentCommand(args, { env }) };
}

async function serviceFinding(run: Awaited<ReturnType<typeof setup>>["run"]): Promise<Finding | undefined> {
  const { findings }: { findings: Finding[] } = JSON.parse((await run("doctor", "--json")).out);
  return findings.find(({ check }) => check === "service");
}

it("a state folder that was deleted under an agent is not taken for an agent that does not run", async () => {
  const { stateDir, run } = await setup();
  await rm(stateDir, { recursive: true, maxRetries: 10 }); // The agent may be writing its first files.
  expect(await serviceFinding(run)).toMatchObject({
    level: "fault",
    what: expect.stringContaining(`an agent runs with the state folder ${stateDir}, but the folder`) as string,
    advice: expect.stringContaining(
      `Stop it and start it again; to find it: sudo ss -xlp | grep ${stateDir}`,
    ) as string,
  });
  for (const command of ["status", "logs"]) {
    const { status, out, err } = await run(command);
    expect([status, out]).toEqual([1, ""]);
    expect(err).toMatch(/^boardkeeper-agent: An agent runs with the state folder .*no command reaches it\. Stop it/);
  }
});

it("nor is a socket in it that somebody has removed", async () => {
  const { stateDir, run } = await setup();
  await rm(join(stateDir, "control.sock"));
  const { status, err } = await run("install", "https://localhost/board.img", "--sha256", "0".repeat(64));
  expect(status).toBe(1);
  expect(err).toContain("the socket in it, was deleted meanwhile");
});

it("an agent that has ended is told as before, its socket left behind or not", async () => {
  const hub = await testHub();
  const board = await boardProcess(hub);
  const agent = board.start();
  await agent.line({ msg: "connected to the hub" });
  agent.killAll();
  await agent.exited;
  const stateDir = join(board.folder, "state");
  const { status, err } = await agentCommand(["status", "--state-dir", stateDir]);
  expect(status).toBe(0);
  expect(err).toContain("No agent is running: this is what the last one has saved.");
});
