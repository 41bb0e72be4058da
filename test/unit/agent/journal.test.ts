import { describe, expect, it } from "vitest";
import { FakeTime, settle } from "../../support/fake-time.ts";
import { FakeStateFile, journalWith } from "../../support/journals.ts";

const idle = { phase: "idle" as const, last: null };

describe("the journal", () => {
  it("has a change on disk before anybody learns of it", async () => {
    const file = new FakeStateFile();
    const journal = journalWith({}, { file });
    const learned: number[] = [];
    journal.onChange(() => learned.push(file.saves.length));
    const answer = await journal.decide(() => ({ change: { reboot: idle }, answer: "done" }));
    expect(answer).toBe("done");
    expect(learned).toStrictEqual([1]);
    expect(file.saves[0]).toMatchObject({ seq: 1 });
  });

  it("takes decisions one at a time, each on the state that the one before has left", async () => {
    const journal = journalWith();
    const seen = await Promise.all(
      [1, 2, 3].map(() => journal.decide(({ seq }) => ({ change: { reboot: idle }, answer: seq }))),
    );
    expect(seen).toStrictEqual([0, 1, 2]);
  });

  it("writes nothing for a decision that changes nothing", async () => {
    const file = new FakeStateFile();
    const journal = journalWith({}, { file });
    await journal.decide(() => ({ answer: undefined }));
    expect(file.saves).toHaveLength(0);
  });

  it("changes nothing when the disk refuses, tells the caller, and goes on", async () => {
    const file = new FakeStateFile();
    const journal = journalWith({}, { file });
    const heard: number[] = [];
    journal.onChange(({ seq }) => heard.push(seq));
    file.refusal = new Error("ENOSPC");
    await expect(journal.decide(() => ({ change: { reboot: idle }, answer: 1 }))).rejects.toThrow("ENOSPC");
    expect(journal.saved.seq).toBe(0);
    file.refusal = undefined;
    await journal.decide(() => ({ change: { reboot: idle }, answer: 1 }));
    expect(heard).toStrictEqual([1]);
  });

  it("records what has happened for as long as the disk refuses", async () => {
    const file = new FakeStateFile();
    const time = new FakeTime();
    const journal = journalWith({}, { file, time });
    file.refusal = new Error("EROFS");
    const recorded = journal.record(
      () => ({ change: { reboot: idle }, answer: undefined }),
      new AbortController().signal,
    );
    await time.advance(60_000);
    expect(journal.saved.seq).toBe(0);
    file.refusal = undefined;
    await time.advance(5_000);
    await recorded;
    expect(journal.saved.seq).toBe(1);
  });

  it("gives up recording when it is stopped", async () => {
    const file = new FakeStateFile();
    file.refusal = new Error("EROFS");
    const stop = new AbortController();
    const recorded = journalWith({}, { file }).record(
      () => ({ change: { reboot: idle }, answer: undefined }),
      stop.signal,
    );
    await settle();
    stop.abort();
    await expect(recorded).resolves.toBeUndefined();
  });

  it("waits until the state meets a test, or until it is told not to", async () => {
    const journal = journalWith();
    const stop = new AbortController();
    const reached = journal.until(({ seq }) => seq === 2, stop.signal);
    const never = journal.until(({ seq }) => seq === 99, stop.signal);
    await journal.decide(() => ({ change: { reboot: idle }, answer: 0 }));
    await journal.decide(() => ({ change: { reboot: idle }, answer: 0 }));
    expect(await reached).toMatchObject({ seq: 2 });
    stop.abort(new Error("stopped"));
    await expect(never).rejects.toThrow("stopped");
  });
});
