import { describe, expect, it } from "vitest";
import { parseBoardView } from "../../../../service-tools/boards/board-view.ts";
import { twinOf, viewOf } from "../../../support/board-views.ts";

const error = { code: "unreachable", during: "downloading", message: "The server is gone." };

describe("what a twin says about a board", () => {
  it("is parsed from what the agent reports", () => {
    const view = viewOf(
      {
        phase: "failed",
        operationId: "op-1",
        version: "2.0.0",
        receivedBytes: 3,
        totalBytes: 7,
        attempt: 2,
        delay: null,
        waitsFor: "order",
        waitsUntil: null,
        times: { accepted: "2026-01-02T03:00:00.000Z", ended: "2026-01-02T03:01:00.000Z" },
        error,
        refused: { code: "bad-request", message: "No.", desiredVersion: 4 },
      },
      {
        phase: "proven",
        operationId: "op-0",
        reason: "a test",
        cause: "requested",
        scheduledFor: "2026-01-02T02:00:00.000Z",
        last: { at: "2026-01-02T02:01:00.000Z", cause: "requested", clockSynchronized: true },
      },
      {
        lastProvenUpdate: { operationId: "op-0", version: "1.0.0", at: "2026-01-01T00:00:00.000Z" },
        desired: { firmware: { operationId: "op-9" } },
      },
    );
    expect(view).toEqual({
      config: null,
      connected: true,
      lastActivity: "2026-01-02T03:00:00.000Z",
      agent: {
        version: "0.1.0",
        mode: "systemd",
        startedAt: "2026-01-02T03:00:00.000Z",
        bootId: "boot-1",
        problems: [],
        features: ["in-place", "lease", "mirrors", "operation-ids", "signed", "withdraw"],
      },
      board: {
        model: "Raspberry Pi 4 Model B Rev 1.5",
        compatible: ["raspberrypi,4-model-b"],
        os: "Debian GNU/Linux 13 (trixie)",
        kernel: "6.12.25+rpt-rpi-v8",
        arch: "arm64",
        memoryBytes: 4_100_000_000,
      },
      trust: { rootVersion: 1, expires: "2036-01-02T03:04:05.000Z", unsignedAllowed: false },
      firmwareVersion: "1.0.0",
      update: {
        phase: "failed",
        operationId: "op-1",
        version: "2.0.0",
        rehearsal: false,
        receivedBytes: 3,
        totalBytes: 7,
        attempt: 2,
        delay: null,
        startBy: null,
        waitsFor: "order",
        waitsUntil: null,
        endedAt: "2026-01-02T03:01:00.000Z",
        error,
        refused: { code: "bad-request", message: "No.", desiredVersion: 4 },
        lastProven: { operationId: "op-0", version: "1.0.0", at: "2026-01-01T00:00:00.000Z" },
      },
      reboot: {
        phase: "proven",
        operationId: "op-0",
        reason: "a test",
        scheduledFor: "2026-01-02T02:00:00.000Z",
        delay: null,
        fromBootId: null,
        cause: "requested",
        error: null,
        lastProven: { at: "2026-01-02T02:01:00.000Z", cause: "requested" },
      },
      desired: { firmwareOperationId: "op-9", version: 1 },
    });
  });

  it.each([
    ["an empty document", {}],
    ["sections of other shapes", { properties: { reported: { boardkeeper: "x", firmware: 3 }, desired: [] } }],
    [
      "phases that nobody knows",
      { properties: { reported: { boardkeeper: { update: { phase: "?" }, reboot: { phase: 1 } } } } },
    ],
  ])("is nothing for %s", (_what, twin) => {
    const view = parseBoardView(twin);
    expect(view).toMatchObject({ connected: false, agent: null, firmwareVersion: null });
    expect([view.update.phase, view.reboot.phase]).toEqual(["idle", "idle"]);
  });

  it("reads the hub's year 1 as never", () => {
    expect(parseBoardView({ ...twinOf({}), lastActivityTime: "0001-01-01T00:00:00Z" }).lastActivity).toBeNull();
  });
});
