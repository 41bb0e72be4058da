import { describe, expect, it } from "vitest";
import { createLog } from "../../../../agent/lib/log.ts";
import { Problems } from "../../../../agent/alerts.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { FakeStateFile, journalWith } from "../../../support/journals.ts";

const never = new AbortController().signal;
const error = { code: "reboot-never-came", during: "rebooting", message: "…" };

/** A journal on a full disk, with all that it says. */
function refused() {
  const file = new FakeStateFile();
  file.refusal = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const time = new FakeTime();
  const problems = new Problems([]);
  const lines: { readonly msg: string }[] = [];
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) });
  return { file, time, problems, lines, journal: journalWith({}, { file, time, problems, log }) };
}

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
    await time.advance(60_000);
    await recorded;
    expect(journal.saved.seq).toBe(1);
  });

  it("says that the disk refuses, once in the log, and takes it back when a save works", async () => {
    const { file, time, problems, journal, lines } = refused();
    const recorded = journal.record(() => ({ change: { reboot: idle }, answer: undefined }), never);
    await time.advance(3_600_000);
    expect(problems.sentences).toStrictEqual([
      "The agent's state cannot be saved, so nothing is begun: the disk is full (ENOSPC). Free some space on it.",
    ]);
    expect(journal.refusal?.message).toBe(
      "The state could not be saved: the disk is full (ENOSPC). Free some space on it.",
    );
    expect(lines.map(({ msg }) => msg)).toStrictEqual(["state not saved, trying again"]);
    file.refusal = undefined;
    await time.advance(60_000);
    await recorded;
    expect([journal.refusal, problems.sentences]).toStrictEqual([undefined, []]);
    expect(lines.map(({ msg }) => msg)).toStrictEqual(["state not saved, trying again", "state saved again"]);
  });

  it("asks a disk that refuses ever more seldom, however many records wait", async () => {
    const { file, time, journal } = refused();
    const recorded = [1, 2, 3].map(() => journal.record(() => ({ change: { reboot: idle }, answer: 1 }), never));
    await time.advance(5_000);
    expect(file.tries).toBe(2);
    await time.advance(3_600_000);
    expect(file.tries).toBeLessThan(2 + 65);
    file.refusal = undefined;
    await time.advance(60_000);
    expect(await Promise.all(recorded)).toStrictEqual([1, 1, 1]);
  });

  it("looks by itself whether a disk works again that has refused a caller", async () => {
    const { file, time, problems, journal } = refused();
    await expect(journal.decide(() => ({ change: { reboot: idle }, answer: 1 }))).rejects.toThrow("full");
    file.refusal = undefined;
    await time.advance(5_000);
    expect(problems.sentences).toStrictEqual([]);
    expect(file.saves).toStrictEqual([journal.saved]);
    await time.advance(3_600_000);
    expect(file.tries).toBe(2);
  });

  it("has an end among the problems for as long as it is not saved, and nothing else of it", async () => {
    const { file, time, problems, journal } = refused();
    const end = { reboot: { ...idle, phase: "failed" as const, job: null, error } };
    const heard: string[] = [];
    journal.onChange(({ reboot }) => heard.push(reboot.phase));
    const recorded = journal.record(() => ({ change: end, unsavedEnd: "It has failed.", answer: "told" }), never);
    await time.advance(86_400_000);
    expect([heard, journal.saved.reboot.phase]).toStrictEqual([[], "idle"]);
    expect(problems.sentences).toStrictEqual([expect.stringContaining("cannot be saved"), "It has failed."]);
    const said: (readonly string[])[] = [];
    journal.onChange(() => said.push(problems.sentences));
    file.refusal = undefined;
    await time.advance(60_000);
    expect(await recorded).toBe("told");
    expect(file.saves).toStrictEqual([journal.saved]);
    expect([heard, said, problems.sentences]).toStrictEqual([["failed"], [[]], []]);
  });

  it("says nothing any more of an end that was given up", async () => {
    const { time, problems, journal } = refused();
    const stop = new AbortController();
    const recorded = journal.record(
      () => ({ change: { reboot: idle }, unsavedEnd: "It ends.", answer: 1 }),
      stop.signal,
    );
    await time.advance(1_000);
    expect(problems.sentences).toHaveLength(2);
    stop.abort();
    await recorded;
    expect(problems.sentences).toHaveLength(1);
  });

  it("never begins in memory what could not be saved", async () => {
    const { time, journal } = refused();
    void journal.record(() => ({ change: { reboot: idle }, answer: 1 }), never);
    await time.advance(86_400_000);
    expect(journal.saved.seq).toBe(0);
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
    const neverMet = journal.until(({ seq }) => seq === 99, stop.signal);
    await journal.decide(() => ({ change: { reboot: idle }, answer: 0 }));
    await journal.decide(() => ({ change: { reboot: idle }, answer: 0 }));
    expect(await reached).toMatchObject({ seq: 2 });
    stop.abort(new Error("stopped"));
    await expect(neverMet).rejects.toThrow("stopped");
  });
});
