import { describe, expect, it } from "vitest";
import type { RebootSnapshot, UpdateSnapshot } from "../../../../agent/contract/snapshot.ts";
import type { BoardView } from "../../../../service-tools/boards/board-view.ts";
import { formatTwinChanges } from "../../../../service-tools/boards/format-twin-changes.ts";
import { viewOf } from "../../../support/board-views.ts";

const target = { deviceId: "board-1" };
const at = "2026-01-02T03:04:05.000Z";
const error = { code: "no-space", during: "downloading", message: "The disk is full." };
const delay = { code: "http-status", message: "The server said 503." };
const last = { at, cause: "requested" as const, clockSynchronized: true };
const idle = viewOf({});

const updating = (update: Partial<UpdateSnapshot>): BoardView =>
  viewOf({ operationId: "op-1", version: "2.0.0", ...update });
const rebooting = (reboot: Partial<RebootSnapshot>): BoardView => viewOf({}, { operationId: "op-1", ...reboot });
const configured = (status: "applied" | "refused", why: string | null = null): BoardView => ({
  ...idle,
  config: { version: 4, status, error: why === null ? null : { code: "bad-request", message: why } },
});

describe("the changes between two reads of a twin", () => {
  it.each<[string, BoardView, BoardView, string[]]>([
    ["nothing", idle, idle, []],
    ["a configuration was applied", idle, configured("applied"), ["desired: has applied configuration version 4"]],
    [
      "a configuration was refused",
      configured("applied"),
      configured("refused", "No."),
      ["desired: has refused configuration version 4 (bad-request): No."],
    ],
    ["it was refused again", configured("refused", "No."), configured("refused", "No."), []],
    ["it was taken away", configured("applied"), idle, ["desired: has its own configuration again"]],
    ["the link went", idle, { ...idle, connected: false }, ["link: offline"]],
    ["the link came", { ...idle, connected: false }, idle, ["link: connected"]],
    ["the board booted", idle, viewOf({}, {}, { bootId: "boot-2" }), ["agent: the board has booted (boot boot-2)"]],
    [
      "the agent alone restarted",
      idle,
      {
        ...idle,
        agent: {
          ...idle.agent,
          version: "0.2.0",
          startedAt: at,
          mode: "systemd",
          bootId: "boot-1",
          problems: [],
          features: [],
        },
      },
      ["agent: the agent has started (0.2.0)"],
    ],
    [
      "other firmware runs",
      idle,
      { ...idle, firmwareVersion: "2.0.0" },
      ["agent: firmware 2.0.0 is running, before 1.0.0"],
    ],
    [
      "the desired properties changed",
      idle,
      viewOf({}, {}, { desired: { $version: 2 } }),
      ["desired: desired properties changed (version 2)"],
    ],
    ["an update began", idle, updating({ phase: "accepted" }), ["update: accepted 2.0.0 (op-1)"]],
    [
      "a rehearsal began",
      idle,
      updating({ phase: "accepted", rehearsal: true }),
      ["update: accepted rehearsal (op-1)"],
    ],
    ["it went on", updating({ phase: "accepted" }), updating({ phase: "downloading" }), ["update: downloading"]],
    [
      "it loaded more",
      updating({ phase: "downloading" }),
      updating({ phase: "downloading", receivedBytes: 1024, totalBytes: 2048 }),
      ["update: downloading 1.0 KiB of 2.0 KiB"],
    ],
    [
      "it loaded more of nobody knows how much",
      updating({ phase: "downloading" }),
      updating({ phase: "downloading", receivedBytes: 1024 }),
      ["update: downloading 1.0 KiB received"],
    ],
    [
      "the download is held up",
      updating({ phase: "downloading" }),
      updating({ phase: "downloading", delay }),
      ["update: downloading waiting for the next attempt: The server said 503. (http-status)"],
    ],
    ["it is still held up", updating({ phase: "downloading", delay }), updating({ phase: "downloading", delay }), []],
    [
      "it waits",
      updating({ phase: "verifying" }),
      updating({ phase: "staged", waitsFor: "window" }),
      ["update: staged, waiting for the maintenance window"],
    ],
    [
      "the window moved",
      updating({ phase: "staged", waitsFor: "window" }),
      updating({ phase: "staged", waitsFor: "window", waitsUntil: at }),
      [`update: staged, waiting for the maintenance window at ${at}`],
    ],
    [
      "it waits on",
      updating({ phase: "staged", waitsFor: "window", waitsUntil: at }),
      updating({ phase: "staged", waitsFor: "window", waitsUntil: at }),
      [],
    ],
    [
      "an update with a lease began",
      idle,
      updating({ phase: "accepted", startBy: at }),
      [`update: accepted 2.0.0 (op-1), to begin by ${at}`],
    ],
    [
      "it waits for the clock",
      updating({ phase: "verifying", startBy: at }),
      updating({ phase: "staged", startBy: at, waitsFor: "clock" }),
      [`update: staged, waiting until the board's clock is set, to begin by ${at}`],
    ],
    [
      "its lease was changed",
      updating({ phase: "downloading" }),
      updating({ phase: "downloading", startBy: at }),
      [`update: must begin by ${at}`],
    ],
    [
      "its lease was taken away",
      updating({ phase: "staged", waitsFor: "order", startBy: at }),
      updating({ phase: "staged", waitsFor: "order" }),
      ["update: may begin at any time"],
    ],
    [
      "its lease has expired",
      updating({ phase: "staged", startBy: at }),
      updating({ phase: "cancelled", startBy: at, error: { ...error, code: "lease-expired", message: "Too late." } }),
      ["update: cancelled (lease-expired): Too late."],
    ],
    [
      "it failed",
      updating({ phase: "downloading" }),
      updating({ phase: "failed", error }),
      ["update: failed (no-space): The disk is full."],
    ],
    [
      "it came back",
      updating({ phase: "reverting" }),
      updating({ phase: "rolledBack", error }),
      ["update: rolled back (no-space): The disk is full."],
    ],
    [
      "a document was refused",
      idle,
      viewOf({ refused: { code: "bad-request", message: "No.", desiredVersion: 3 } }),
      ["update: declared update refused (bad-request): No."],
    ],
    [
      "a reboot was asked for",
      idle,
      rebooting({ phase: "scheduled", scheduledFor: at, reason: "a test" }),
      [`reboot: scheduled for ${at} (op-1): a test`],
    ],
    ["it began", rebooting({ phase: "scheduled" }), rebooting({ phase: "rebooting" }), ["reboot: rebooting"]],
    [
      "it was proven",
      rebooting({ phase: "rebooting" }),
      rebooting({ phase: "proven", cause: "requested", last }),
      [`reboot: proven at ${at}, as requested`],
    ],
    [
      "nobody asked for it",
      idle,
      viewOf({}, { phase: "proven", cause: "other", last: { ...last, cause: "other" } }),
      [`reboot: proven at ${at}, not requested (a power failure, a crash, or somebody at the board)`],
    ],
    [
      "it never came",
      rebooting({ phase: "rebooting" }),
      rebooting({ phase: "failed", error: { ...error, code: "reboot-never-came" } }),
      ["reboot: failed (reboot-never-came): The disk is full."],
    ],
  ])("%s", (_what, before, after, lines) => {
    expect(formatTwinChanges(target, before, after).map(({ part, message }) => `${part}: ${message}`)).toEqual(lines);
  });
});
