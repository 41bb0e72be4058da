import { createLog, type Log } from "../../agent/lib/log.ts";

export const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => quiet,
};

/** Silent, unless somebody wants to see what an agent did: TEST_LOG=1. */
export const testLog: Log = process.env["TEST_LOG"]
  ? createLog("debug", { write: (line) => process.stderr.write(line) })
  : quiet;
