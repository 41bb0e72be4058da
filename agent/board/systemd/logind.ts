import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as v from "valibot";
import { check, type Checked } from "../../contract/check.ts";
import { truncateUtf8 } from "../../contract/safe-text.ts";
import type { Log } from "../../lib/log.ts";
import type { Inhibitor } from "../../reboot/inhibited-message.ts";

const run = promisify(execFile);
/** The caller of rebootDevice waits meanwhile. */
const timeoutMs = 2_000;

const listInhibitors = [
  "busctl",
  "--json=short",
  "call",
  "org.freedesktop.login1",
  "/org/freedesktop/login1",
  "org.freedesktop.login1.Manager",
  "ListInhibitors",
] as const;

/**
 * Who holds a block inhibitor against a shutdown. Never rejects: a board whose logind is absent or broken must not refuse the
 * reboot that may repair it.
 */
export async function readInhibitors(log: Log, ask: readonly string[] = listInhibitors): Promise<readonly Inhibitor[]> {
  const [program = "", ...args] = ask;
  try {
    const { stdout } = await run(program, args, { timeout: timeoutMs, killSignal: "SIGKILL" });
    const held = parseInhibitors(JSON.parse(stdout));
    if (held.ok) return held.value;
    throw new Error(held.problems.join("; "));
  } catch (cause) {
    log.debug({ err: cause }, "inhibitors unknown, counted as none");
    return [];
  }
}

/** What, who, why, mode, user and process of each inhibitor: the one value that ListInhibitors returns. */
const listInhibitorsReply = v.object({
  type: v.literal("a(ssssuu)"),
  data: v.tuple([v.array(v.tuple([v.string(), v.string(), v.string(), v.string(), v.number(), v.number()]))]),
});

/** The inhibitors that block a shutdown; others only delay it, or are about sleep and keys. */
export function parseInhibitors(json: unknown): Checked<readonly Inhibitor[]> {
  const checked = check(listInhibitorsReply, json);
  if (!checked.ok) return checked;
  const value = checked.value.data[0]
    .filter(([what, , , mode]) => mode === "block" && what.split(":").includes("shutdown"))
    .map(([, who, why]) => ({ who: oneLine(who), why: oneLine(why) }));
  return { ok: true, value };
}

/** Any program on the board may write anything there. */
function oneLine(text: string): string {
  return truncateUtf8(text.replaceAll(/\p{Cc}+/gu, " ").trim(), 100) || "unknown";
}
