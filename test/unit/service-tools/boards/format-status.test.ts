import { describe, expect, it } from "vitest";
import type { RebootSnapshot, UpdateSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { BoardView } from "../../../../service-tools/boards/board-view.ts";
import { formatStatus } from "../../../../service-tools/boards/format-status.ts";
import { viewOf } from "../../../support/board-views.ts";

const target = { deviceId: "board-1" };
const at = "2026-01-02T03:04:05.000Z";
const error = { code: "no-space", during: "downloading", message: "The disk is full." };
const last = { at, cause: "requested" as const, clockSynchronized: true };
const idle = viewOf({});

const updating = (update: Partial<UpdateSnapshot>): BoardView =>
  viewOf({ operationId: "op-1", version: "2.0.0", ...update });
const rebooting = (reboot: Partial<RebootSnapshot>): BoardView => viewOf({}, { operationId: "op-1", ...reboot });
const configured = (status: "applied" | "refused", why: string | null = null): BoardView => ({
  ...idle,
  config: { version: 4, status, error: why === null ? null : { code: "bad-request", message: why } },
});

describe("the status of a board", () => {
  it.each<[string, BoardView, string]>([
    ["idle", idle, "none yet"],
    ["accepted", updating({ phase: "accepted" }), "accepted 2.0.0 (op-1)"],
    [
      "downloading",
      updating({ phase: "downloading", receivedBytes: 1024 }),
      "downloading 2.0.0, 1.0 KiB received (op-1)",
    ],
    [
      "staged for an order",
      updating({ phase: "staged", waitsFor: "order" }),
      "2.0.0 is staged (op-1), waiting for approval; run: boardkeeper apply -d board-1",
    ],
    [
      "staged for a window on a board without the time",
      updating({ phase: "staged", waitsFor: "clock" }),
      "2.0.0 is staged (op-1), waiting until the board's clock is set, then for the maintenance window",
    ],
    [
      "with a lease, while it is fetched",
      updating({ phase: "downloading", receivedBytes: 1024, startBy: at }),
      `downloading 2.0.0, 1.0 KiB received, to begin by ${at} (op-1)`,
    ],
    [
      "with a lease, before the board has the time",
      updating({ phase: "staged", waitsFor: "clock", startBy: at }),
      `2.0.0 is staged (op-1), waiting until the board's clock is set, to begin by ${at}`,
    ],
    ["with a lease, begun", updating({ phase: "applying", startBy: at }), "applying 2.0.0 (op-1)"],
    [
      "with a lease that has expired",
      updating({ phase: "cancelled", startBy: at, error: { ...error, code: "lease-expired", message: "Too late." } }),
      "cancelled 2.0.0 (op-1): lease-expired, Too late.",
    ],
    ["completed", updating({ phase: "completed", times: { ended: at } }), `completed 2.0.0 at ${at} (op-1)`],
    ["a rehearsal", updating({ phase: "completed", rehearsal: true }), "completed a rehearsal (op-1)"],
    [
      "failed",
      updating({ phase: "failed", error, times: { ended: at } }),
      `failed 2.0.0 at ${at} (op-1): no-space, The disk is full.`,
    ],
    ["rolled back", updating({ phase: "rolledBack", error }), "rolled back 2.0.0 (op-1): no-space, The disk is full."],
    [
      "a refused document beside a job",
      updating({ phase: "applying", refused: { code: "bad-request", message: "No.", desiredVersion: 3 } }),
      "applying 2.0.0 (op-1); a declared update was refused (bad-request): No.",
    ],
  ])("with an update: %s", (_what, view, line) => {
    expect(formatStatus(target, view)["Update"]).toBe(line);
  });

  it.each<[string, BoardView, string]>([
    ["idle", idle, "none proven yet"],
    ["proven", rebooting({ phase: "proven", last }), `last at ${at}, as requested`],
    [
      "scheduled",
      rebooting({ phase: "scheduled", scheduledFor: at, reason: "a test", last }),
      `scheduled for ${at}: a test (op-1); last at ${at}, as requested`,
    ],
    ["waiting", rebooting({ phase: "waiting" }), "waiting for the update to end (op-1); none proven yet"],
    ["failed", rebooting({ phase: "failed", error }), "failed: no-space, The disk is full (op-1); none proven yet"],
    ["cancelled", rebooting({ phase: "cancelled" }), "cancelled (op-1); none proven yet"],
  ])("with a reboot: %s", (_what, view, line) => {
    expect(formatStatus(target, view)["Reboot"]).toBe(line);
  });

  it("says that no agent has ever reported", () => {
    expect(formatStatus(target, { ...idle, connected: false, lastActivity: null, agent: null })).toEqual({
      Board: "board-1",
      Link: "offline, never connected",
      Agent: "has not reported yet: no Boardkeeper agent has connected with this identity",
    });
  });

  it("has a line for problems at the start of the agent only if there are any", () => {
    const problems = [
      "The configuration has a mistake, so the last known good one runs.",
      "agent.toml: x is not a setting",
    ];
    expect(formatStatus(target, viewOf({}, {}, { problems }))["Problems"]).toBe(problems.join(" "));
    expect(formatStatus(target, idle)).not.toHaveProperty("Problems");
  });

  it("has a line for the remote configuration only if there is one", () => {
    expect(formatStatus(target, configured("applied"))["Config"]).toBe("set over the hub, version 4");
    expect(formatStatus(target, configured("refused", "No."))["Config"]).toBe("refused, version 4: bad-request, No.");
    expect(formatStatus(target, idle)).not.toHaveProperty("Config");
  });

  it("says when the board was last active, and which firmware is proven", () => {
    const view = viewOf({}, {}, { connected: false, lastProvenUpdate: { operationId: "op-0", version: "1.0.0", at } });
    expect(formatStatus(target, view)).toMatchObject({
      Link: "offline, last active at 2026-01-02T03:00:00.000Z",
      Firmware: `1.0.0, proven at ${at}`,
    });
  });
});
