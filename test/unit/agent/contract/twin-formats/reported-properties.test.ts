import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { reportedProperties } from "../../../../../agent/contract/twin-formats/reported-properties.ts";
import { failure } from "../../../../../agent/contract/failure.ts";
import type { PhaseTimes, Snapshot, UpdateSnapshot } from "../../../../../agent/contract/snapshot.ts";
import { idleReboot, snapshotWith } from "../../../../support/snapshots.ts";

/* The contract's table, row by row, against the whole literal JSON of all four vocabularies: test/fixtures/twin-formats. */

const at = (minute: number): string => `2026-01-02T03:${String(minute).padStart(2, "0")}:00.000Z`;
const accepted: PhaseTimes = { accepted: at(1) };
const downloading: PhaseTimes = { ...accepted, downloading: at(2) };
const verifying: PhaseTimes = { ...downloading, verifying: at(3) };
const staged: PhaseTimes = { ...verifying, staged: at(4) };
const applying: PhaseTimes = { ...staged, applying: at(5) };
const rebooting: PhaseTimes = { ...applying, rebooting: at(6) };
const proving: PhaseTimes = { ...rebooting, proving: at(7) };
const reverting: PhaseTimes = { ...proving, reverting: at(8) };
const ended = (times: PhaseTimes): PhaseTimes => ({ ...times, ended: at(9) });

const job: Partial<UpdateSnapshot> = { operationId: "op-1", version: "2.0.0", totalBytes: 64_000_000 };
const whole = { receivedBytes: 64_000_000 };
const digestError = failure("bad-digest", "verifying", "The image that arrived is not the one that was asked for.");
const installError = failure("installer-failed", "applying", "The slot could not be written.");
const healthError = failure("not-proven", "proving", "The new system could not reach the hub within 600 s.");
const leaseError = failure("lease-expired", "staged", `The update was to begin by ${at(8)}.`);
const refused = { code: "bad-request", message: "fwVersion: expected a version, got 7", desiredVersion: 4 };
const proven: Partial<Snapshot> = {
  currentVersion: "2.0.0",
  lastProvenUpdate: { operationId: "op-1", version: "2.0.0", at: at(9) },
  reboot: {
    ...idleReboot,
    phase: "proven",
    fromBootId: "boot-1",
    cause: "update",
    startedAt: at(6),
    last: { at: at(7), cause: "update", clockSynchronized: true },
  },
};

const rows: [row: string, snapshot: Snapshot][] = [
  ["nothing-yet", snapshotWith()],
  ["accepted", snapshotWith({ ...job, phase: "accepted", times: accepted })],
  [
    "fetching",
    snapshotWith({ ...job, phase: "downloading", times: downloading, receivedBytes: 32_000_000, attempt: 1 }),
  ],
  [
    "fetching-delayed",
    snapshotWith({
      ...job,
      phase: "downloading",
      times: downloading,
      receivedBytes: 32_000_000,
      attempt: 1,
      delay: { code: "http-status", message: "https://images.example/x answered with status 503." },
    }),
  ],
  ["checking", snapshotWith({ ...job, ...whole, phase: "verifying", times: verifying })],
  ["staged-waiting-for-order", snapshotWith({ ...job, ...whole, phase: "staged", times: staged, waitsFor: "order" })],
  ["staged-waiting-for-window", snapshotWith({ ...job, ...whole, phase: "staged", times: staged, waitsFor: "window" })],
  ["installing", snapshotWith({ ...job, ...whole, phase: "applying", times: applying, attempt: 1 })],
  ["restarting", snapshotWith({ ...job, ...whole, phase: "rebooting", times: rebooting, attempt: 1 })],
  ["health-checks", snapshotWith({ ...job, ...whole, phase: "proving", times: proving }, { currentVersion: "2.0.0" })],
  ["proven", snapshotWith({ ...job, phase: "completed", times: ended(proving) }, proven)],
  [
    "going-back",
    snapshotWith({ ...job, ...whole, phase: "reverting", times: reverting, attempt: 1, error: healthError }),
  ],
  ["fetching-failed", snapshotWith({ ...job, phase: "failed", times: ended(verifying), error: digestError })],
  ["installing-failed", snapshotWith({ ...job, phase: "failed", times: ended(applying), error: installError })],
  [
    "back-on-the-old-system",
    snapshotWith({ ...job, phase: "rolledBack", times: ended(reverting), error: healthError }),
  ],
  ["on-the-last-good-config", snapshotWith({}, { agent: { ...snapshotWith().agent, problems: ["A.", "B."] } })],
  ["cancelled", snapshotWith({ ...job, phase: "cancelled", times: ended(downloading) })],
  [
    "staged-waiting-for-clock",
    snapshotWith(
      { ...job, ...whole, phase: "staged", times: staged, startBy: at(20), waitsFor: "clock" },
      { agent: { ...snapshotWith().agent, clockSynchronized: false } },
    ),
  ],
  [
    "lease-expired",
    snapshotWith({ ...job, ...whole, phase: "cancelled", times: ended(staged), startBy: at(8), error: leaseError }),
  ],
  ["desired-refused", snapshotWith({ refused })],
  ["desired-refused-during-a-job", snapshotWith({ ...job, phase: "downloading", times: downloading, refused })],
  ["rehearsal-completed", snapshotWith({ ...job, phase: "completed", times: ended(proving), rehearsal: true })],
  [
    "reboot-scheduled-after-a-proven-one",
    snapshotWith(
      {},
      {
        reboot: {
          ...idleReboot,
          phase: "scheduled",
          fromBootId: "boot-1",
          operationId: "op-2",
          reason: "kernel",
          scheduledFor: at(20),
          last: { at: at(7), cause: "requested", clockSynchronized: true },
        },
      },
    ),
  ],
  [
    "reboot-proven",
    snapshotWith(
      {},
      {
        reboot: {
          ...idleReboot,
          phase: "proven",
          fromBootId: "boot-1",
          operationId: "op-2",
          scheduledFor: at(6),
          startedAt: at(6),
          cause: "requested",
          last: { at: at(7), cause: "requested", clockSynchronized: true },
        },
      },
    ),
  ],
];

describe("one snapshot, four vocabularies", () => {
  it.each(rows)("%s", (row, snapshot) => {
    const literal: unknown = JSON.parse(readFileSync(`test/fixtures/twin-formats/${row}.json`, "utf8"));
    expect(reportedProperties(snapshot)).toStrictEqual(literal);
  });

  it.each<[what: string, snapshot: Snapshot, firmware: object]>([
    ["an unknown running version is empty", snapshotWith({}, { currentVersion: null }), { currentFwVersion: "" }],
    [
      "a window has its time",
      snapshotWith({ ...job, phase: "staged", times: staged, waitsFor: "window", waitsUntil: at(20) }),
      { fwUpdateSubstatus: `staged, waiting for the maintenance window at ${at(20)}` },
    ],
    [
      "a window waits for the clock",
      snapshotWith({ ...job, phase: "staged", times: staged, waitsFor: "clock" }),
      { fwUpdateSubstatus: "staged, waiting for the clock to be set, and then for the maintenance window" },
    ],
    [
      "a refusal does not hide the way back",
      snapshotWith({ ...job, phase: "reverting", times: reverting, refused }),
      {
        fwUpdateStatus: "rebooting",
        fwUpdateSubstatus: "going back to the old system: the new one was not proven",
      },
    ],
    ["staged, and nothing to wait for", snapshotWith({ ...job, phase: "staged" }), { fwUpdateSubstatus: "staged" }],
    ["failed, nobody knows why", snapshotWith({ ...job, phase: "failed" }), { fwUpdateSubstatus: "" }],
    ["accepted, of no version", snapshotWith({ phase: "accepted" }), { pendingFwVersion: "" }],
  ])("firmware: %s", (_what, snapshot, firmware) => {
    expect(reportedProperties(snapshot)["firmware"]).toMatchObject(firmware);
  });

  it("tells why a reboot failed, and has no time for a proof that is not stamped", () => {
    const failed = snapshotWith({}, { reboot: { ...idleReboot, phase: "failed", error: installError } });
    expect(reportedProperties(failed)).toMatchObject({ boardkeeper: { reboot: { error: installError } } });
    const unstamped = snapshotWith({}, { reboot: { ...idleReboot, phase: "proven" } });
    expect(reportedProperties(unstamped)).toMatchObject({ rebootTime: null });
  });

  it("keeps every owned key in every row, so that nothing of an earlier job can stay behind", () => {
    const shape = keysOf(reportedProperties(snapshotWith()));
    for (const [, snapshot] of rows) expect(keysOf(reportedProperties(snapshot))).toStrictEqual(shape);
  });

  it("writes all times as 24 characters, for pollers that slice the twin's text", () => {
    const [, snapshot] = rows.find(([row]) => row === "proven") ?? [];
    const times = JSON.stringify(snapshot && reportedProperties(snapshot)).match(/"\d{4}-[^"]*"/g) ?? [];
    expect(times.length).toBeGreaterThan(10);
    expect(times.every((time) => time.length === 26)).toBe(true);
  });

  it("has no key but the root's that holds the word that the seed tutorial's service searches for", () => {
    const [, snapshot] = rows.find(([row]) => row === "reboot-proven") ?? [];
    const text = JSON.stringify(snapshot && reportedProperties(snapshot));
    expect(text.split("rebootTime").length - 1).toBe(1);
  });

  it("stays within 16 KB for the largest legal snapshot, with no text over 1 KB", () => {
    const long = (length: number): string => "é".repeat(length);
    const error = failure("interrupted-too-often", "downloading", long(2_000));
    const name = "v".repeat(64);
    const largest = reportedProperties(
      snapshotWith(
        {
          phase: "rolledBack",
          operationId: name,
          version: name,
          times: ended(reverting),
          receivedBytes: 2 ** 40,
          totalBytes: 2 ** 40,
          attempt: 100,
          delay: { code: error.code, message: error.message },
          error,
          refused: { code: "manifest-unsupported", message: error.message, desiredVersion: 2 ** 52 },
        },
        {
          board: {
            model: long(100),
            serial: long(100),
            os: long(100),
            kernel: long(100),
            arch: long(20),
            memoryBytes: 2 ** 52,
            compatible: Array.from({ length: 8 }, () => "n".repeat(64)),
            equipment: {
              cpu: long(30),
              cores: 256,
              disks: Array.from({ length: 4 }, () => ({ name: long(30), model: long(30), sizeBytes: 2 ** 52 })),
              interfaces: Array.from({ length: 4 }, () => ({ name: long(30), mac: "00:00:00:00:00:00" })),
            },
          },
          agent: { ...snapshotWith().agent, problems: Array.from({ length: 5 }, () => long(100)) },
          currentVersion: long(200),
          config: { version: 2 ** 52, status: "refused", error: { code: "bad-request", message: error.message } },
          lastProvenUpdate: { operationId: name, version: name, at: at(1) },
          reboot: {
            phase: "failed",
            operationId: name,
            reason: long(200),
            scheduledFor: at(1),
            delay: { code: name, message: error.message },
            startedAt: at(1),
            fromBootId: name,
            cause: "requested",
            error,
            last: { at: at(1), cause: "requested", clockSynchronized: false },
          },
        },
      ),
    );
    expect(Buffer.byteLength(JSON.stringify(largest))).toBeLessThanOrEqual(16 * 1024);
    const texts = JSON.stringify(largest).match(/"(?:[^"\\]|\\.)*"/g) ?? [];
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(1_026);
  });
});

/** The paths of all keys, except those inside values that are wholes of their own (errors, last proofs). */
function keysOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || /error|delay|refused|problems|lastProven$/.test(path))
    return [path];
  return Object.entries(value).flatMap(([key, member]) => keysOf(member, `${path}.${key}`));
}
