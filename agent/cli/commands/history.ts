import { errorMessage } from "../../lib/errors.ts";
import type { Arguments } from "../arguments.ts";
import { HistoryFile } from "../../board/fs/history-file.ts";
import { ChecksummedStateFile } from "../../board/fs/state-file.ts";
import type { HistoryEntry } from "../../operations/history.ts";
import { formatHistory } from "../format/format-history.ts";
import { savedState } from "../saved-state.ts";
import { statusRows } from "../format/format-status.ts";
import { inspectTargetConfig } from "./config.ts";
import { CommandFailed, formatRows, type Terminal } from "./terminal.ts";

/** `boardkeeper-agent history`: what became of the updates and reboots of this board, and what is under way. */
export async function showHistory(given: Arguments, terminal: Terminal): Promise<number> {
  const { stateDir } = await inspectTargetConfig(given, terminal);
  const entries = await readEntries(stateDir);
  const { saved } = await new ChecksummedStateFile(stateDir).inspect();
  const state = savedState(saved, null);
  if (given.json) {
    terminal.out(
      `${JSON.stringify({ entries, update: state["update"] ?? null, reboot: state["reboot"] ?? null }, null, 2)}\n`,
    );
    return 0;
  }
  if (entries.length === 0) terminal.note("No update and no reboot of this board has ended yet.\n");
  terminal.out(formatHistory(entries));
  const now = statusRows(state).filter(([name]) => name === "Update" || name === "Reboot");
  terminal.note(`${entries.length === 0 ? "" : "\n"}Now:\n${formatRows(now)}`);
  return 0;
}

async function readEntries(stateDir: string): Promise<readonly HistoryEntry[]> {
  try {
    return await new HistoryFile(stateDir).read();
  } catch (cause) {
    const why = errorMessage(cause);
    throw new CommandFailed(`${why}${/EACCES/.test(why) ? ". Run this with sudo." : ""}`, { cause });
  }
}
