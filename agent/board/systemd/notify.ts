import { fstatSync, writeSync } from "node:fs";
import type { Log } from "../../lib/log.ts";
import type { ServiceManager } from "../../watchdog/service-watchdog.ts";

/** The environment that systemd gives a service. */
type Env = Readonly<Record<string, string | undefined>>;

/** The first file descriptor that systemd passes: sd_listen_fds(3). */
const firstDescriptor = 3;

/**
 * Notifies the systemd that started this process, through the descriptor "notify" from `systemd/libexec/with-notify-socket` or
 * `OpenFile=`: Node.js cannot open such a socket itself (docs/decisions/012). Without systemd, notify does nothing.
 */
export function systemdServiceManager(env: Env, log: Log, pid = process.pid): ServiceManager {
  const descriptor = notifyDescriptor(env, pid);
  if (descriptor === undefined) {
    if (env["NOTIFY_SOCKET"]) {
      log.error(
        {
          remedy:
            "start the agent through /usr/lib/boardkeeper/with-notify-socket, or take Type=notify out of its unit",
        },
        "systemd waits for notifications, but the agent has no socket to send them",
      );
    }
    return { watchdogMs: null, notify: () => undefined };
  }
  return {
    watchdogMs: watchdogInterval(env, pid),
    notify(...assignments): void {
      try {
        writeSync(descriptor, assignments.map((one) => one.replaceAll("\n", " ")).join("\n"));
      } catch (cause) {
        log.debug({ err: cause }, "systemd not notified"); // The next notification follows within seconds.
      }
    },
  };
}

function notifyDescriptor(env: Env, pid: number): number | undefined {
  if (env["LISTEN_PID"] !== String(pid)) return undefined; // For another process.
  const index = (env["LISTEN_FDNAMES"] ?? "").split(":").indexOf("notify");
  return index >= 0 && isSocket(firstDescriptor + index) ? firstDescriptor + index : undefined;
}

/** Another file may have that number by now: it must not be written to. */
function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false; // It is not open.
  }
}

/** WATCHDOG_USEC in milliseconds, unless it is for another process: sd_watchdog_enabled(3). */
function watchdogInterval(env: Env, pid: number): number | null {
  const isOurs = env["WATCHDOG_PID"] === undefined || env["WATCHDOG_PID"] === String(pid);
  const watchdogMs = Number(env["WATCHDOG_USEC"] ?? "") / 1_000;
  return isOurs && watchdogMs > 0 ? watchdogMs : null;
}
