import { describe, expect, it } from "vitest";
import { statusLine } from "../../../../agent/watchdog/status-line.ts";
import { idleReboot, snapshotWith } from "../../../support/snapshots.ts";

const quiet = {
  snapshot: snapshotWith(),
  hub: "fleet.azure-devices.net",
  device: "board-1",
  link: { up: true, diagnosis: null },
  isRecovered: true,
};
const connected = "Connected to fleet.azure-devices.net as board-1.";
const line = (changes: Partial<typeof quiet | Parameters<typeof statusLine>[0]>): string =>
  statusLine({ ...quiet, ...changes });

describe("what systemctl status says", () => {
  it.each([
    [{}, `${connected} Nothing to do.`],
    [{ isRecovered: false }, `${connected} Recovering the saved state.`],
    [{ link: { up: false, diagnosis: null } }, "Connecting to fleet.azure-devices.net. Nothing to do."],
    [{ link: { up: false, diagnosis: "The hub cannot be reached." } }, "The hub cannot be reached. Nothing to do."],
    [
      { snapshot: snapshotWith({ phase: "downloading", version: "2.0.0", receivedBytes: 999, totalBytes: 1_000 }) },
      `${connected} Update to 2.0.0: downloading, 99 %.`,
    ],
    [
      { snapshot: snapshotWith({ phase: "downloading", version: "2.0.0", receivedBytes: 0, totalBytes: null }) },
      `${connected} Update to 2.0.0: downloading.`,
    ],
    [
      {
        snapshot: snapshotWith({
          phase: "downloading",
          version: "2.0.0",
          delay: { code: "unreachable", message: "secret" },
        }),
      },
      `${connected} Update to 2.0.0: the download waits (unreachable).`,
    ],
    [
      { snapshot: snapshotWith({ phase: "staged", version: "2.0.0", waitsFor: "order" }) },
      `${connected} Update to 2.0.0: staged, waits for approval.`,
    ],
    [
      {
        snapshot: snapshotWith({
          phase: "staged",
          version: "2.0.0",
          waitsFor: "clock",
          startBy: "2026-01-02T04:00:00.000Z",
        }),
      },
      `${connected} Update to 2.0.0: staged, waits for the clock to be set.`,
    ],
    [{ snapshot: snapshotWith({ phase: "cancelled", version: "2.0.0" }) }, `${connected} Nothing to do.`],
    [
      {
        snapshot: snapshotWith({
          phase: "cancelled",
          error: { code: "lease-expired", during: "staged", message: "x" },
        }),
      },
      `${connected} Last update cancelled (lease-expired).`,
    ],
    [
      {
        snapshot: snapshotWith(
          {},
          { reboot: { ...idleReboot, phase: "scheduled", scheduledFor: "2026-01-02T04:00:00.000Z" } },
        ),
      },
      `${connected} Reboot scheduled for 2026-01-02T04:00:00.000Z.`,
    ],
    [
      {
        snapshot: snapshotWith(
          {},
          {
            reboot: {
              ...idleReboot,
              phase: "failed",
              error: { code: "reboot-never-came", during: "rebooting", message: "x" },
            },
          },
        ),
      },
      `${connected} Last reboot failed (reboot-never-came).`,
    ],
  ])("%#", (changes, expected) => {
    expect(line(changes)).toBe(expected);
  });

  it("tells of problems, and stays one line", () => {
    const snapshot = snapshotWith({ phase: "staged", version: "2\nREADY=1", waitsFor: null });
    const withProblems = { ...snapshot, agent: { ...snapshot.agent, problems: ["a", "b"] } };
    expect(line({ snapshot: withProblems })).toBe(
      `${connected} Update to 2 READY=1: staged. 2 problem(s) at the start: see the log.`,
    );
  });
});
