import { ChecksummedStateFile } from "../../board/fs/state-file.ts";
import { readBootId } from "../../board/hardware/boot.ts";
import { callMethod } from "../../board/local-api/client.ts";
import type { JsonObject } from "../../contract/json.ts";
import type { Arguments } from "../arguments.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "../command-context.ts";
import { describeSavedState, formatRows, statusRows } from "../format/format-status.ts";
import { startAdvice } from "./service.ts";

/** `boardkeeper-agent status`: the status from the running agent; where none runs, the saved part of it. */
export async function showStatus(args: Arguments, terminal: Terminal): Promise<number> {
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const status = (await askAgent(stateDir)) ?? (await readSavedState(stateDir, args.simulate));
  if (args.json) terminal.out(`${JSON.stringify(status, null, 2)}\n`);
  else terminal.out(formatRows(statusRows(status)));
  if (status["running"] === false && !args.json)
    terminal.note(`No agent is running: this is what the last one has saved. ${await startAdvice()}\n`);
  return 0;
}

async function askAgent(stateDir: string): Promise<JsonObject | undefined> {
  const reply = await callMethod(stateDir, "getStatus");
  if (reply === undefined) return undefined;
  const { Response: _sentence, ...status } = reply.payload;
  if (reply.status === 200) return { running: true, stateDir, ...status };
  throw new CommandFailed(`The agent answered ${reply.status}: ${JSON.stringify(reply.payload)}`);
}

async function readSavedState(stateDir: string, simulate: boolean): Promise<JsonObject> {
  const { saved, problems } = await new ChecksummedStateFile(stateDir).inspect();
  const denied = problems.find((one) => /EACCES|EPERM/.test(one));
  if (denied !== undefined)
    throw new CommandFailed(`${denied}. No agent is running; run this with sudo to see what it has saved.`);
  // A simulated board has boot ids of its own. Without one, nothing can be said about reboots.
  const bootId = simulate ? null : await readBootId().catch(() => null);
  return { running: false, stateDir, problems, ...describeSavedState(saved, bootId) };
}
