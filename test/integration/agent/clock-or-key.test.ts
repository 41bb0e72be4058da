import { expect, it, onTestFinished } from "vitest";
import { systemRuntime } from "../../../agent/board/hardware/clocks.ts";
import { probeHubDate } from "../../../agent/board/probes/network.ts";
import { parseHubAddress } from "../../../agent/hub/address.ts";
import { connectToAzure } from "../../../agent/hub/azure-connection.ts";
import { ConnectionManager } from "../../../agent/hub/connection-manager.ts";
import type { LinkStatus } from "../../../agent/hub/link-status.ts";
import { QuotaCounter } from "../../../agent/hub/quota-counter.ts";
import { systemClock } from "../../../service-tools/local-hub/lib/clock.ts";
import { testHub } from "../../support/local-hub.ts";
import { quiet } from "../../support/logs.ts";

/* A wrong clock and a wrong key, told apart over a real connection: it is the hub's clock that is set, so the board's is wrong. */

const hourMs = 3_600_000;

interface Situation {
  /** The board's time minus the hub's. */
  readonly aheadMs?: number;
  readonly keyIsWrong?: boolean;
  /** Whether a time server has set the board's clock. */
  readonly synchronized?: boolean;
  /** Whether the hub's web server can be asked for the time. */
  readonly saysTime?: boolean;
  /** The hub's fault, where its certificate is the point. */
  readonly certificate?: "expired" | "not-yet-valid";
}

interface Refused {
  readonly status: LinkStatus;
  /** How often the hub was asked for its time. */
  readonly questions: () => number;
}

/** How a board's first attempt to connect ends. */
async function refused(situation: Situation): Promise<Refused> {
  const { aheadMs = 0, keyIsWrong = false, synchronized = false, saysTime = true, certificate } = situation;
  let hubAheadMs = 0;
  const clock = {
    nowMs: () => Date.now() + hubAheadMs,
    after: (delayMs: number, act: () => void) => systemClock.after(delayMs, act),
  };
  const hub = await testHub({ clock });
  const good = await hub.addDevice("board-1");
  hubAheadMs = -aheadMs;
  if (certificate !== undefined) hub.faults.add("certificate", { flaw: certificate });
  const text = keyIsWrong ? good.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=d3Jvbmc=") : good;
  const address = parseHubAddress(text, { webSocket: false });
  if (!address.ok) throw new Error(address.problems.join());
  const ended: { with?: (problem?: Error) => void } = {};
  const first = new Promise<void>((resolve, reject) => {
    ended.with = (problem) => (problem === undefined ? resolve() : reject(problem));
  });
  const log = { ...quiet, warn: (): void => ended.with?.() };
  const runtime = systemRuntime(log);
  let questions = 0;
  const manager = new ConnectionManager({
    ...runtime,
    wallClock: { now: () => new Date(), synchronized: () => Promise.resolve(synchronized) },
    quota: new QuotaCounter(),
    hubTimeMs: async (signal) => {
      questions += 1;
      // A port that speaks MQTT answers no HTTP.
      return await probeHubDate("localhost", saysTime ? hub.ports.https : hub.ports.mqtt, signal);
    },
    connect: (signal) =>
      connectToAzure({ address: address.value, ca: hub.ca, productInfo: "test", timer: runtime.timer, log }, signal),
  });
  onTestFinished(() => manager.stop());
  manager.start({
    onMethod: () => Promise.resolve({ status: 200, payload: { Response: "" } }),
    onMethodAnswered: () => undefined,
    onDesired: () => undefined,
    onReportedRead: () => undefined,
    onConnected: () => ended.with?.(new Error("The board was not refused.")),
    onDisconnected: () => undefined,
  });
  await first;
  return { status: manager.status, questions: () => questions };
}

it.each<[string, Situation, diagnosis: string, reason: RegExp]>([
  ["a clock that is years back", { aheadMs: -2 * 365 * 24 * hourMs }, "clock", /clock is 730 d behind the hub's$/],
  [
    "a clock that is years back, although a time server has set it",
    { aheadMs: -2 * 365 * 24 * hourMs, synchronized: true },
    "clock",
    /clock is 730 d behind the hub's$/,
  ],
  [
    "a clock that is hours ahead, which costs no token its validity, and a wrong key",
    { aheadMs: 5 * hourMs, keyIsWrong: true },
    "credentials",
    /does not accept these credentials.*clock is 5 h ahead of the hub's$/,
  ],
  [
    "a right clock that nothing has set, and a wrong key",
    { keyIsWrong: true },
    "credentials",
    /agrees with the hub's$/,
  ],
  [
    "a wrong key where the hub's time is not known and nothing has set the clock",
    { keyIsWrong: true, saysTime: false },
    "clock-or-credentials",
    /^connect: the hub does not accept these credentials(?!.*clock)/,
  ],
  [
    "a wrong key where the hub's time is not known and a time server has set the clock",
    { keyIsWrong: true, saysTime: false, synchronized: true },
    "credentials",
    /^connect: the hub does not accept these credentials(?!.*clock)/,
  ],
  [
    "a certificate that is not valid yet by a clock of years back",
    { aheadMs: -2 * 365 * 24 * hourMs, certificate: "not-yet-valid" },
    "clock",
    /not valid yet.*clock is 730 d behind the hub's$/,
  ],
  [
    "a certificate that has expired, by a right clock that nothing has set",
    { certificate: "expired" },
    "certificate",
    /expired.*clock agrees with the hub's$/,
  ],
])("%s", async (_what, situation, diagnosis, reason) => {
  const { status, questions } = await refused(situation);
  expect(status.diagnosis).toBe(diagnosis);
  expect(status.reason).toMatch(reason);
  expect(questions()).toBe(1);
});
