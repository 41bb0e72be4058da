import { describe, expect, it } from "vitest";
import { createLog } from "../../../../agent/lib/log.ts";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { FakeStateFile, storeWith } from "../../../support/state-stores.ts";

const never = new AbortController().signal;
const error = { code: "reboot-never-came", during: "rebooting", message: "…" };

/** A store on a full disk, with all that it says. */
function refused() {
  const file = new FakeStateFile();
  file.refusal = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const time = new FakeTime();
  const alerts = new Alerts([]);
  const lines: { readonly msg: string }[] = [];
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) });
  return { file, time, alerts, lines, store: storeWith({}, { file, time, alerts, log }) };
}

const idle = { phase: "idle" as const, last: null };

describe("the store", () => {
  it("has a change on disk before anybody learns of it", async () => {
    const file = new FakeStateFile();
    const store = storeWith({}, { file });
    const learned: number[] = [];
    store.onChange(() => learned.push(file.saves.length));
    const answer = await store.transact(() => ({ change: { reboot: idle }, answer: "done" }));
    expect(answer).toBe("done");
    expect(learned).toStrictEqual([1]);
    expect(file.saves[0]).toMatchObject({ seq: 1 });
  });

  it("takes decisions one at a time, each on the state that the one before has left", async () => {
    const store = storeWith();
    const seen = await Promise.all(
      [1, 2, 3].map(() => store.transact(({ seq }) => ({ change: { reboot: idle }, answer: seq }))),
    );
    expect(seen).toStrictEqual([0, 1, 2]);
  });

  it("writes nothing for a decision that changes nothing", async () => {
    const file = new FakeStateFile();
    const store = storeWith({}, { file });
    await store.transact(() => ({ answer: undefined }));
    expect(file.saves).toHaveLength(0);
  });

  it("changes nothing when the disk refuses, tells the caller, and goes on", async () => {
    const file = new FakeStateFile();
    const store = storeWith({}, { file });
    const heard: number[] = [];
    store.onChange(({ seq }) => heard.push(seq));
    file.refusal = new Error("ENOSPC");
    await expect(store.transact(() => ({ change: { reboot: idle }, answer: 1 }))).rejects.toThrow("ENOSPC");
    expect(store.state.seq).toBe(0);
    file.refusal = undefined;
    await store.transact(() => ({ change: { reboot: idle }, answer: 1 }));
    expect(heard).toStrictEqual([1]);
  });

  it("records what has happened for as long as the disk refuses", async () => {
    const file = new FakeStateFile();
    const time = new FakeTime();
    const store = storeWith({}, { file, time });
    file.refusal = new Error("EROFS");
    const recorded = store.transactUntilSaved(
      () => ({ change: { reboot: idle }, answer: undefined }),
      new AbortController().signal,
    );
    await time.advance(60_000);
    expect(store.state.seq).toBe(0);
    file.refusal = undefined;
    await time.advance(60_000);
    await recorded;
    expect(store.state.seq).toBe(1);
  });

  it("says that the disk refuses, once in the log, and takes it back when a save works", async () => {
    const { file, time, alerts, store, lines } = refused();
    const recorded = store.transactUntilSaved(() => ({ change: { reboot: idle }, answer: undefined }), never);
    await time.advance(3_600_000);
    expect(alerts.messages).toStrictEqual([
      "The agent's state cannot be saved, so no action is started: the disk is full (ENOSPC). Free some space on it.",
    ]);
    expect(store.lastWriteError?.message).toBe(
      "The state could not be saved: the disk is full (ENOSPC). Free some space on it.",
    );
    expect(lines.map(({ msg }) => msg)).toStrictEqual(["state not saved, trying again"]);
    file.refusal = undefined;
    await time.advance(60_000);
    await recorded;
    expect([store.lastWriteError, alerts.messages]).toStrictEqual([undefined, []]);
    expect(lines.map(({ msg }) => msg)).toStrictEqual(["state not saved, trying again", "state saved again"]);
  });

  it("asks a disk that refuses ever more seldom, however many records wait", async () => {
    const { file, time, store } = refused();
    const recorded = [1, 2, 3].map(() =>
      store.transactUntilSaved(() => ({ change: { reboot: idle }, answer: 1 }), never),
    );
    await time.advance(5_000);
    expect(file.tries).toBe(2);
    await time.advance(3_600_000);
    expect(file.tries).toBeLessThan(2 + 65);
    file.refusal = undefined;
    await time.advance(60_000);
    expect(await Promise.all(recorded)).toStrictEqual([1, 1, 1]);
  });

  it("tries again by itself after a disk has refused a save", async () => {
    const { file, time, alerts, store } = refused();
    await expect(store.transact(() => ({ change: { reboot: idle }, answer: 1 }))).rejects.toThrow("full");
    file.refusal = undefined;
    await time.advance(5_000);
    expect(alerts.messages).toStrictEqual([]);
    expect(file.saves).toStrictEqual([store.state]);
    await time.advance(3_600_000);
    expect(file.tries).toBe(2);
  });

  it("has an end among the alerts for as long as it is not saved, and nothing else of it", async () => {
    const { file, time, alerts, store } = refused();
    const end = { reboot: { ...idle, phase: "failed" as const, job: null, error } };
    const heard: string[] = [];
    store.onChange(({ reboot }) => heard.push(reboot.phase));
    const recorded = store.transactUntilSaved(
      () => ({ change: end, unsavedAlert: "It has failed.", answer: "answered" }),
      never,
    );
    await time.advance(86_400_000);
    expect([heard, store.state.reboot.phase]).toStrictEqual([[], "idle"]);
    expect(alerts.messages).toStrictEqual([expect.stringContaining("cannot be saved"), "It has failed."]);
    const said: (readonly string[])[] = [];
    store.onChange(() => said.push(alerts.messages));
    file.refusal = undefined;
    await time.advance(60_000);
    expect(await recorded).toBe("answered");
    expect(file.saves).toStrictEqual([store.state]);
    expect([heard, said, alerts.messages]).toStrictEqual([["failed"], [[]], []]);
  });

  it("says nothing any more of an end that was given up", async () => {
    const { time, alerts, store } = refused();
    const stop = new AbortController();
    const recorded = store.transactUntilSaved(
      () => ({ change: { reboot: idle }, unsavedAlert: "It ends.", answer: 1 }),
      stop.signal,
    );
    await time.advance(1_000);
    expect(alerts.messages).toHaveLength(2);
    stop.abort();
    await recorded;
    expect(alerts.messages).toHaveLength(1);
  });

  it("never begins in memory what could not be saved", async () => {
    const { time, store } = refused();
    void store.transactUntilSaved(() => ({ change: { reboot: idle }, answer: 1 }), never);
    await time.advance(86_400_000);
    expect(store.state.seq).toBe(0);
  });

  it("gives up recording when it is stopped", async () => {
    const file = new FakeStateFile();
    file.refusal = new Error("EROFS");
    const stop = new AbortController();
    const recorded = storeWith({}, { file }).transactUntilSaved(
      () => ({ change: { reboot: idle }, answer: undefined }),
      stop.signal,
    );
    await settle();
    stop.abort();
    await expect(recorded).resolves.toBeUndefined();
  });

  it("waits until the state meets a test, or until it is aborted", async () => {
    const store = storeWith();
    const stop = new AbortController();
    const reached = store.until(({ seq }) => seq === 2, stop.signal);
    const neverMet = store.until(({ seq }) => seq === 99, stop.signal);
    await store.transact(() => ({ change: { reboot: idle }, answer: 0 }));
    await store.transact(() => ({ change: { reboot: idle }, answer: 0 }));
    expect(await reached).toMatchObject({ seq: 2 });
    stop.abort(new Error("stopped"));
    await expect(neverMet).rejects.toThrow("stopped");
  });
});
