import { describe, expect, it } from "vitest";
import { HistoryFile } from "../../../../agent/board/fs/history-file.ts";
import { historyAfter, readHistory, writeHistory, type HistoryEntry } from "../../../../agent/operations/history.ts";
import { formatHistory } from "../../../../agent/cli/format/format-history.ts";
import { createLog, type Log } from "../../../../agent/lib/log.ts";
import type { StateFile } from "../../../../agent/state/ports.ts";
import type { RebootState } from "../../../../agent/reboot/machine.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import type { UpdateState } from "../../../../agent/update/job.ts";
import { MemoryDisk } from "../../../support/memory-disk.ts";
import { FakeStateFile } from "../../../support/state-stores.ts";
import { quiet } from "../../../support/logs.ts";
import { jobWith, states, t } from "../../../support/updates.ts";

const now = t(30);
const gibibyte = 2 ** 30;
const historyOn = (disk: MemoryDisk, freeBytes = async (): Promise<number> => gibibyte): HistoryFile =>
  new HistoryFile("/state", disk, freeBytes);
const withUpdate = (update: UpdateState): AgentState => ({ ...initialState("boot-1"), update });
const withReboot = (reboot: RebootState): AgentState => ({ ...initialState("boot-1"), reboot });

const last = { fromBootId: "boot-0", bootId: "boot-1", cause: "requested", at: t(9), clockSynchronized: true } as const;
const request = { operationId: "r-1", reason: "new kernel", force: false, acceptedAt: t(1), scheduledFor: t(2) };
const error = { code: "reboot-never-came", during: "rebooting", message: "It did not come." };

describe("what has ended", () => {
  const s = states();
  it.each<[string, AgentState, Partial<HistoryEntry>]>([
    ["an update", withUpdate(s.completed), { kind: "update", outcome: "completed", operationId: "op-1", at: t(9) }],
    [
      "a failed one",
      withUpdate(s.failed),
      { outcome: "failed", error: { code: "not-proven", message: "It was not healthy." } },
    ],
    ["one taken back", withUpdate(s.rolledBack), { outcome: "rolledBack" }],
    ["a cancelled one", withUpdate(s.cancelled), { outcome: "cancelled", error: null }],
    [
      "one whose lease has expired",
      withUpdate({ ...s.cancelled, error: { code: "lease-expired", during: "staged", message: "Too late." } }),
      { outcome: "cancelled", error: { code: "lease-expired", message: "Too late." } },
    ],
    [
      "a reboot",
      withReboot({ phase: "proven", last, job: request, startedAt: t(3) }),
      { outcome: "proven", at: t(9), reason: "new kernel" },
    ],
    [
      "nobody's reboot",
      withReboot({ phase: "proven", last: { ...last, cause: "other" }, job: null, startedAt: null }),
      { operationId: null, cause: "other" },
    ],
    [
      "a reboot that never came",
      withReboot({ phase: "failed", last: null, job: request, error }),
      { outcome: "failed", at: now },
    ],
    ["a cancelled reboot", withReboot({ phase: "cancelled", last: null, job: request }), { outcome: "cancelled" }],
  ])("%s is one entry, however often it is seen", (_what, saved, expected) => {
    const once = historyAfter([], saved, now);
    expect(once).toHaveLength(1);
    expect(once[0]).toMatchObject(expected);
    expect(historyAfter(once, saved, t(40))).toBe(once);
    expect(readHistory(writeHistory(once))).toEqual({ ok: true, value: once });
  });

  it.each(["idle", "accepted", "downloading", "staged", "applying", "rebooting", "proving", "reverting"] as const)(
    "%s is no end",
    (phase) => expect(historyAfter([], withUpdate(s[phase]), now)).toEqual([]),
  );

  it("waits for the time of a reboot", () => {
    const unstamped = withReboot({ phase: "proven", last: { ...last, at: null }, job: null, startedAt: null });
    expect(historyAfter([], unstamped, now)).toEqual([]);
  });

  it("is forgotten beyond the last fifty", () => {
    let history: readonly HistoryEntry[] = [];
    for (let index = 0; index < 60; index += 1) {
      const job = jobWith({ operationId: `op-${index}` });
      history = historyAfter(history, withUpdate(states(job).completed), now);
    }
    expect(history).toHaveLength(50);
    expect(history.at(-1)?.operationId).toBe("op-59");
  });
});

describe("the file", () => {
  /** The state store's storage over both files, as the agent has it. */
  const recording = (history: HistoryFile, stateFile: FakeStateFile, log: Log = quiet): StateFile<AgentState> => {
    const recordHistory = history.recorder({ log, now: () => now });
    return {
      save: async (state) => {
        await stateFile.save(state);
        await recordHistory(state);
      },
    };
  };

  it("is written with the state that says so, and read by the next agent", async () => {
    const disk = new MemoryDisk();
    const inner = new FakeStateFile();
    const file = recording(historyOn(disk), inner);
    await file.save(withUpdate(states().proving));
    await file.save(withUpdate(states().completed));
    expect(inner.saves).toHaveLength(2);
    const next = historyOn(disk);
    expect(await next.read()).toHaveLength(1);
    await recording(next, inner).save(withReboot({ phase: "proven", last, job: null, startedAt: null }));
    expect((await historyOn(disk).read()).map(({ kind }) => kind)).toEqual(["update", "reboot"]);
  });

  it("never stands in the way of a save, and is made up for by the next", async () => {
    const disk = new MemoryDisk();
    const create = disk.create.bind(disk);
    disk.create = () => Promise.reject(new Error("ENOSPC"));
    const inner = new FakeStateFile();
    const history = historyOn(disk);
    const file = recording(history, inner);
    await file.save(withUpdate(states().completed));
    expect(inner.saves).toHaveLength(1);
    expect(await history.read()).toEqual([]);
    disk.create = create;
    await file.save(withUpdate(states().completed));
    expect(await history.read()).toHaveLength(1);
  });

  it("takes nothing of a disk that is as good as full, and has every end when there is room again", async () => {
    const disk = new MemoryDisk();
    let free = 2 * 1_024 * 1_024 - 1;
    const lines: string[] = [];
    const log = createLog("info", { write: (line) => void lines.push(line) });
    const inner = new FakeStateFile();
    const history = historyOn(disk, async () => free);
    const file = recording(history, inner, log);
    for (const operationId of ["op-1", "op-2", "op-3"])
      await file.save(withUpdate(states(jobWith({ operationId })).completed));
    expect([inner.saves.length, disk.files.size]).toEqual([3, 0]);
    expect(lines.filter((line) => line.includes("disk is nearly full"))).toHaveLength(1);
    free += 1;
    await file.save(withUpdate(states().accepted));
    expect((await history.read()).map(({ operationId }) => operationId)).toEqual(["op-1", "op-2", "op-3"]);
  });

  it("says nothing of a state that was not saved", async () => {
    const inner = new FakeStateFile();
    inner.refusal = new Error("EIO");
    const history = historyOn(new MemoryDisk());
    await expect(recording(history, inner).save(withUpdate(states().completed))).rejects.toThrow("EIO");
    expect(await history.read()).toEqual([]);
  });
});

it("for people, each end is a line, and why a bad one was bad another", () => {
  const s = states();
  const update = historyAfter([], withUpdate(s.failed), now);
  const both = historyAfter(update, withReboot({ phase: "proven", last, job: request, startedAt: t(3) }), now);
  expect(formatHistory(both)).toBe(
    `${t(9)}  update  failed       2.0.0  (op-1)\n                          not-proven: It was not healthy.\n${t(9)}  reboot  proven       as requested, new kernel  (r-1)\n`,
  );
});
