import { defaultBoardConfig, parseBoardConfig, type BoardConfig } from "../../config/board-config.ts";
import { boardConfigFile } from "../../config/paths.ts";
import { AgentError, errorMessage, isAbsent } from "../../lib/errors.ts";
import { readRootOwned } from "./root-owned.ts";

/** Far more than the keys need. */
const maxBytes = 64 * 1_024;

/**
 * What the owner of this board has written into board.conf; the defaults where the file is not there.
 * Rejects with `board-config-invalid` where others than root could have written it, and where a line cannot be understood.
 * @param owners trusted owners beside root, such as the user of a simulated board
 */
export async function readBoardConfig(
  path: string = boardConfigFile,
  owners: readonly number[] = [0],
): Promise<BoardConfig> {
  let text: string;
  try {
    text = Buffer.from(await readRootOwned(path, maxBytes, owners)).toString("utf8");
  } catch (cause) {
    if (isAbsent(cause)) return defaultBoardConfig;
    throw invalid(`${errorMessage(cause)}.`, cause);
  }
  const parsed = parseBoardConfig(text);
  if (parsed.ok) return parsed.value;
  throw invalid(`${path} cannot be used: ${parsed.problems.join("; ")}. Correct it, as root.`);
}

function invalid(message: string, cause?: unknown): AgentError {
  return new AgentError("board-config-invalid", message, { cause });
}
