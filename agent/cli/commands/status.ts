import type { Arguments } from "../arguments.ts";
import { readBootId } from "../../board/hardware/boot.ts";
import { callMethod } from "../../board/local-api/client.ts";
import { ChecksummedStateFile } from "../../board/fs/state-file.ts";
import type { JsonObject } from "../../contract/json.ts";
import { savedState } from "../saved-state.ts";
import { statusRows } from "../format/format-status.ts";
import { inspectTargetConfig } from "./config.ts";
import { startAdvice } from "./service.ts";
import { CommandFailed, formatRows, type Terminal } from "./terminal.ts";

/** `boardkeeper-agent status`: what the running agent says; else what it has saved. */
export async function showStatus(given: Arguments, terminal: Terminal): Promise<number> {
  const { stateDir } = await inspectTargetConfig(given, terminal);
  const state = (await stateOfRunning(stateDir)) ?? (await stateOnDisk(stateDir, given.simulate));
  if (given.json) terminal.out(`${JSON.stringify(state, null, 2)}\n`);
  else terminal.out(formatRows(statusRows(state)));
  if (state["running"] === false && !given.json)
    terminal.note(`No agent is running: this is what the last one has saved. ${await startAdvice()}\n`);
  return 0;
}

async function stateOfRunning(stateDir: string): Promise<JsonObject | undefined> {
  const reply = await callMethod(stateDir, "getStatus");
  if (reply === undefined) return undefined;
  const { Response: _said, ...state } = reply.payload;
  if (reply.status === 200) return { running: true, stateDir, ...state };
  throw new CommandFailed(`The agent answered ${reply.status}: ${JSON.stringify(reply.payload)}`);
}

async function stateOnDisk(stateDir: string, simulate: boolean): Promise<JsonObject> {
  const { saved, problems } = await new ChecksummedStateFile(stateDir).inspect();
  const shut = problems.find((one) => /EACCES|EPERM/.test(one));
  if (shut !== undefined)
    throw new CommandFailed(`${shut}. No agent is running; run this with sudo to see what it has saved.`);
  // A simulated board has boots of its own; where the kernel tells none, nothing can be said about reboots.
  const bootId = simulate ? null : await readBootId().catch(() => null);
  return { running: false, stateDir, problems, ...savedState(saved, bootId) };
}
