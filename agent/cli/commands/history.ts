import { HistoryFile } from "../../board/fs/history-file.ts";
import { ChecksummedStateFile } from "../../board/fs/state-file.ts";
import { describeFileError } from "../../lib/file-errors.ts";
import type { HistoryEntry } from "../../operations/history.ts";
import type { Arguments } from "../arguments.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "../command-context.ts";
import { formatHistory } from "../format/format-history.ts";
import { describeSavedState, formatRows, statusRows } from "../format/format-status.ts";

/** `boardkeeper-agent history`: how the updates and reboots of this board ended, and what is under way. */
export async function showHistory(args: Arguments, terminal: Terminal): Promise<number> {
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const entries = await readEntries(stateDir);
  const { saved } = await new ChecksummedStateFile(stateDir).inspect();
  const state = describeSavedState(saved, null);
  if (args.json) {
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
    const why = describeFileError(cause);
    throw new CommandFailed(`${why}${/EACCES/.test(why) ? ". Run this with sudo." : ""}`, { cause });
  }
}
