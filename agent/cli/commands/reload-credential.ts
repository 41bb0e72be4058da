import { validateConnectionString } from "../../config/connection-string.ts";
import { fingerprintConnectionString } from "../../config/fingerprint.ts";
import { serviceUnit } from "../../config/paths.ts";
import { textAt, type JsonObject } from "../../contract/json.ts";
import type { BootClock, Timer } from "../../lib/clock.ts";
import type { Terminal } from "../command-context.ts";

/** What systemd would pass to the service as its connection string. */
export interface PassedCredential {
  /** Its file, or the variable. */
  readonly path: string;
  /** Its content, decrypted where it is encrypted; a secret. */
  readonly text: string;
}

export interface ReloadPorts {
  readonly clock: BootClock;
  readonly timer: Timer;
  /**
   * The connection string where the service's unit has it from; undefined where there is none.
   * @throws CommandFailed for a file that cannot be read or decrypted
   */
  readonly readStored: () => Promise<PassedCredential | undefined>;
  /** The file that `hub.connection-string-file` names, which the agent uses where systemd passes it nothing; null for none. */
  readonly settingsFile: string | null;
  /** What the running agent was started with (`process` of `getStatus`); undefined where no agent answers. Never rejects. */
  readonly describeAgent: () => Promise<JsonObject | undefined>;
  /** Whether the service runs, starts or stops. */
  readonly isServiceUp: () => Promise<boolean>;
  /** Has systemd restart the service where it runs, and does not wait for it. */
  readonly restartService: () => Promise<void>;
}

/** A file must be the same for this long: it may be written in several steps, such as write, chmod and rename. */
const settleMs = 2_000;
/** How long an agent that just starts is asked: as long as its unit lets it start. A question to one that hangs takes seconds. */
const answersWithinMs = 120_000;
/** When a file changed while it was looked at, it is looked at again within this time; the unit's TimeoutStartSec= is longer. */
const beginsAgainWithinMs = 300_000;
/** A file that changes for longer than this many steps is no finished file. */
const maxSettleSteps = 30;

/**
 * `boardkeeper-agent reload-credential`: restarts the service where the connection string on disk is valid and not the one that
 * the agent uses. Whatever else lies there changes nothing: the agent goes on with what it has.
 * @returns the exit status; 0 also where nothing had to be done; 1 for files that go on changing
 */
export async function reloadCredential(terminal: Pick<Terminal, "out">, ports: ReloadPorts): Promise<number> {
  const say = (sentence: string): void => terminal.out(`${sentence}\n`);
  const beganMs = ports.clock.nowMs();
  for (;;) {
    const stored = await readSettled(ports);
    say(await reloadOnce(stored, ports));
    // A path unit does not start its service again while that runs (systemd issue 41599), so the last look is at the file.
    const now = await ports.readStored();
    if (now?.path === stored?.path && now?.text === stored?.text) return 0;
    if (ports.clock.nowMs() - beganMs > beginsAgainWithinMs) {
      say(
        `${now?.path ?? stored?.path ?? "The connection string"} goes on changing, so it is not looked at any more. When it is finished: sudo systemctl restart ${serviceUnit}`,
      );
      return 1;
    }
  }
}

async function readSettled({ readStored, timer }: ReloadPorts): Promise<PassedCredential | undefined> {
  let last = await readStored();
  for (let step = 0; step < maxSettleSteps; step += 1) {
    await timer.after(settleMs);
    const now = await readStored();
    if (now?.text === last?.text && now?.path === last?.path) return now;
    last = now;
  }
  return last;
}

/** @returns what was done, and why */
async function reloadOnce(stored: PassedCredential | undefined, ports: ReloadPorts): Promise<string> {
  const goesOn = "The agent goes on with the connection string that it has";
  if (stored === undefined && ports.settingsFile !== null)
    return `systemd passes no connection string to the service, so the agent uses that in ${ports.settingsFile} (hub.connection-string-file), which is not watched. After a change there: sudo systemctl restart ${serviceUnit}`;
  if (stored === undefined)
    return `There is no connection string on disk. ${goesOn}. Store one with: sudo boardkeeper-agent provision`;
  const { path, text } = stored;
  const address = validateConnectionString(text);
  if (!address.ok)
    return `${path} cannot be used: ${address.problems.join("; ")}. ${goesOn}. Store it again with: sudo boardkeeper-agent provision`;
  const inUse = await agentInUse(ports);
  if (inUse === "stopped") return `The service does not run, so nothing was restarted: it reads ${path} when it starts`;
  if (inUse === "silent")
    return `The agent does not answer, so nothing was restarted: it reads ${path} at its next start. See why: journalctl -u ${serviceUnit}`;
  const isSame =
    textAt(inUse, "connectionString") === fingerprintConnectionString(address.value.connectionString).connectionString;
  if (isSame && inUse["lastKnownGood"] !== true) return `The agent uses the connection string in ${path} already`;
  await ports.restartService();
  return isSame
    ? `The agent runs with its last known good configuration, and ${path} can be used: ${serviceUnit} is restarted`
    : `The connection string in ${path} has changed: ${serviceUnit} is restarted to use it`;
}

/** An agent that just starts does not answer yet. */
async function agentInUse({
  describeAgent,
  isServiceUp,
  clock,
  timer,
}: ReloadPorts): Promise<JsonObject | "stopped" | "silent"> {
  const untilMs = clock.nowMs() + answersWithinMs;
  for (;;) {
    const described = await describeAgent();
    if (described !== undefined) return described;
    if (!(await isServiceUp())) return "stopped";
    if (clock.nowMs() >= untilMs) return "silent";
    await timer.after(settleMs);
  }
}
