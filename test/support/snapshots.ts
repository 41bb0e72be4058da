import type { RebootSnapshot, Snapshot, UpdateSnapshot } from "../../agent/contract/snapshot.ts";

/** A board on which nothing has happened yet. */
export const idleUpdate: UpdateSnapshot = {
  phase: "idle",
  operationId: null,
  version: null,
  rehearsal: false,
  times: {},
  receivedBytes: null,
  totalBytes: null,
  attempt: null,
  startBy: null,
  waitsFor: null,
  waitsUntil: null,
  delay: null,
  error: null,
  refused: null,
};

export const idleReboot: RebootSnapshot = {
  phase: "idle",
  operationId: null,
  reason: null,
  scheduledFor: null,
  delay: null,
  startedAt: null,
  fromBootId: null,
  cause: null,
  error: null,
  last: null,
};

export function snapshotWith(update: Partial<UpdateSnapshot> = {}, rest: Partial<Snapshot> = {}): Snapshot {
  return {
    agent: {
      version: "0.1.0",
      mode: "systemd",
      startedAt: "2026-01-02T03:00:00.000Z",
      bootId: "11111111-1111-4111-8111-111111111111",
      clockSynchronized: true,
      problems: null,
    },
    board: {
      model: "Raspberry Pi 4 Model B Rev 1.5",
      serial: "10000000abcdef01",
      os: "Debian GNU/Linux 13 (trixie)",
      kernel: "6.12.25+rpt-rpi-v8",
      arch: "arm64",
      memoryBytes: 4_100_000_000,
      compatible: ["raspberrypi,4-model-b"],
      equipment: null,
    },
    trust: { rootVersion: 1, expires: "2036-01-02T03:04:05.000Z", unsignedAllowed: false },
    currentVersion: "1.0.0",
    config: null,
    update: { ...idleUpdate, ...update },
    lastProvenUpdate: null,
    reboot: idleReboot,
    ...rest,
  };
}
