import { describe, expect, it } from "vitest";
import { formatBoardkeeper } from "../../../../../agent/contract/twin-formats/boardkeeper.ts";
import type { JsonObject } from "../../../../../agent/contract/json.ts";
import { describeSavedState, statusRows } from "../../../../../agent/cli/format/format-status.ts";
import { initialState, type AgentState } from "../../../../../agent/operations/agent-state.ts";
import type { UpdateSnapshot } from "../../../../../agent/contract/snapshot.ts";
import { snapshotWith } from "../../../../support/snapshots.ts";
import { jobWith, states } from "../../../../support/updates.ts";

const at = "2026-01-02T03:04:05.000Z";

function rowsOf(state: JsonObject): Record<string, string> {
  return Object.fromEntries(statusRows(state).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

describe("a board whose agent runs", () => {
  const state = { running: true, stateDir: "/s", ...formatBoardkeeper(snapshotWith()) };

  it("is shown whole", () => {
    const lines = rowsOf({ ...state, link: { up: true } });
    expect(lines["Agent"]).toMatch(/^running .*since 20/);
    expect(lines).toMatchObject({ State: "/s", Hub: "connected", Update: "none yet" });
  });

  it.each([
    [{ waitsFor: "window", waitsUntil: at }, `waiting for the maintenance window at ${at}`],
    [{ waitsFor: "clock" }, "waiting for the clock to be set, then for the maintenance window"],
    [{ waitsFor: "clock", startBy: at }, `, waiting for the clock to be set, to begin by ${at}`],
    [{ waitsFor: "order", startBy: at }, `, waiting for approval: boardkeeper apply, to begin by ${at}`],
  ] as const)("says what its update waits for: %j", (update, words) => {
    const staged = formatBoardkeeper(snapshotWith({ phase: "staged", ...update }));
    expect(rowsOf({ ...state, ...staged })["Update"]).toContain(words);
  });

  it("says by when an update must begin, until it has, and why it was cancelled", () => {
    const rowOf = (update: Partial<UpdateSnapshot>): string | undefined =>
      rowsOf({ ...state, ...formatBoardkeeper(snapshotWith({ version: "2.0.0", startBy: at, ...update })) })["Update"];
    expect(rowOf({ phase: "downloading" })).toBe(`downloading 2.0.0, to begin by ${at}`);
    expect(rowOf({ phase: "applying" })).toBe("applying 2.0.0");
    const error = { code: "lease-expired", during: "staged", message: "Too late." };
    expect(rowOf({ phase: "cancelled", error })).toBe("cancelled 2.0.0: lease-expired, Too late.");
  });

  it.each([
    [
      { rootVersion: 3, expires: at },
      ["acme,gateway", "acme"],
      "root version 3, expires 2026-01-02; images for acme,gateway, acme",
    ],
    [{ rootVersion: 3, expires: at }, [], "root version 3, expires 2026-01-02; nothing names this board"],
    [
      { rootVersion: null, unsignedAllowed: true },
      ["acme"],
      "nobody; UNSIGNED images are allowed (update.allow-unsigned)",
    ],
    [
      { rootVersion: null, unsignedAllowed: false },
      ["acme"],
      "nobody: updates are refused until you run boardkeeper-agent trust add",
    ],
    [{}, [], undefined],
  ])("says whose images it installs: %j for %j", (trust, compatible, words) => {
    const rowFor = (mode: string): string | undefined =>
      rowsOf({ ...state, agent: { mode }, board: { compatible }, trust })["Trust"];
    expect(rowFor("systemd")).toBe(words);
    expect(rowFor("simulated")).toBe("rootVersion" in trust && trust.rootVersion !== null ? words : undefined);
  });

  it("says when the twin takes no more", () => {
    const link = { up: true, reporting: { state: "refused", message: "The twin is full. Remove something." } };
    expect(rowsOf({ ...state, link })["Twin"]).toBe("The twin is full. Remove something.");
    expect(rowsOf({ ...state, link: { up: true, reporting: { state: "complete" } } })["Twin"]).toBeUndefined();
  });

  it.each([
    [true, "set by a time server"],
    [false, "not set by a time server"],
    [null, "not known yet whether a time server has set it"],
  ])("says what is known of its clock: %j", (clockSynchronized, words) => {
    const { agent } = snapshotWith();
    const known = formatBoardkeeper({ ...snapshotWith(), agent: { ...agent, clockSynchronized } });
    expect(rowsOf({ ...state, ...known })["Clock"]).toBe(words);
  });

  it("says what stands between it and its hub", () => {
    expect(rowsOf({ ...state, link: { up: false, diagnosis: "The clock is wrong." } })["Hub"]).toBe(
      "not connected. The clock is wrong.",
    );
    expect(rowsOf({ ...state, link: { up: false, diagnosis: null } })["Hub"]).toContain("is under way");
  });

  it("says since when it is not connected, how the last attempt ended, and when the next begins", () => {
    const link = { up: false, forSeconds: 600, diagnosis: "The key is wrong.", reason: "connect: refused" };
    expect(rowsOf({ ...state, link: { ...link, nextAttemptInSeconds: 40 } })["Hub"]).toBe(
      "not connected for 10 minutes. The key is wrong. Last: connect: refused. Next attempt in 40 seconds.",
    );
  });
});

describe("a board whose agent does not run", () => {
  const saved = (changes: Partial<AgentState>): JsonObject => ({
    running: false,
    stateDir: "/s",
    problems: [],
    ...describeSavedState({ ...initialState("boot-1"), ...changes }, "boot-2"),
  });

  it("is shown as far as it is saved", () => {
    expect(rowsOf(saved({}))).toEqual({
      Agent: "not running",
      State: "/s",
      Boot: "the board has rebooted since the state was saved",
      Update: "none yet",
      Reboot: "none proven yet",
    });
  });

  it.each<["now" | "window" | "manual", string]>([
    ["now", "staged 2.0.0 (op-1)"],
    ["window", "staged 2.0.0, waiting for the maintenance window (op-1)"],
    ["manual", "staged 2.0.0, waiting for approval: boardkeeper apply (op-1)"],
  ])("says what its update waits for (%s)", (apply, line) => {
    expect(rowsOf(saved({ update: states(jobWith({ apply })).staged }))["Update"]).toBe(line);
  });

  it("says what its reboot waits for", () => {
    const job = { operationId: "r-1", reason: null, force: false, acceptedAt: at, scheduledFor: at };
    const reboot = { phase: "scheduled", last: null, job, bootId: "boot-1", dueBootMs: 1 } as const;
    expect(rowsOf(saved({ reboot }))["Reboot"]).toBe(`scheduled for ${at} (r-1); none proven yet`);
    expect(rowsOf(saved({ reboot: { ...reboot, job: { ...job, window: true } } }))["Reboot"]).toBe(
      "scheduled for the maintenance window (r-1); none proven yet",
    );
  });

  it("says what its update came to", () => {
    const error = { code: "no-space", during: "downloading", message: "The disk is full." };
    const failed = saved({ update: { phase: "failed", job: jobWith(), times: { ended: at }, error } });
    expect(rowsOf(failed)["Update"]).toBe(`failed 2.0.0 at ${at} (op-1): no-space, The disk is full.`);
  });

  it("says when it rebooted last, and why", () => {
    const last = { fromBootId: "boot-0", bootId: "boot-1", cause: "other", at, clockSynchronized: true } as const;
    const lines = rowsOf(saved({ reboot: { phase: "idle", last } }));
    expect(lines["Reboot"]).toBe(`last at ${at}, not by this agent: a power cut, a crash or somebody else`);
  });

  it("says nothing of a board on which nobody has saved anything", () => {
    const lines = rowsOf({ running: false, stateDir: "/s", problems: [], ...describeSavedState(undefined, "boot-1") });
    expect(lines).toEqual({ Agent: "not running", State: "/s", Update: "none yet", Reboot: "none proven yet" });
  });
});
