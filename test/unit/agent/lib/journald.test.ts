import { expect, it } from "vitest";
import { withErrorPriority, isJournaldStream, journaldDestination } from "../../../../agent/lib/journald.ts";
import { createLog } from "../../../../agent/lib/log.ts";

it("each line for journald has the priority of its level in front", () => {
  const lines: string[] = [];
  const log = createLog("debug", journaldDestination({ write: (line) => lines.push(line) })).child({ part: "desk" });
  log.debug({}, "a");
  log.info({}, "b");
  log.warn({}, "c");
  log.error({}, "d");
  log.fatal({}, "e");
  expect(lines.map((line) => line.slice(0, 4))).toEqual(["<7>{", "<6>{", "<4>{", "<3>{", "<2>{"]);
  expect(JSON.parse(lines[3]?.slice(3) ?? "")).toMatchObject({ level: "error", part: "desk", msg: "d" });
});

it("a stream is journald's when device and inode say so", () => {
  expect(isJournaldStream({ JOURNAL_STREAM: "9:4711" }, { dev: 9, ino: 4711 })).toBe(true);
  expect(isJournaldStream({ JOURNAL_STREAM: "9:4711" }, { dev: 9, ino: 1 })).toBe(false);
  expect(isJournaldStream({}, { dev: 9, ino: 4711 })).toBe(false);
});

it("a text is an error line by line, for journald alone", () => {
  expect(withErrorPriority("two mistakes:\n  - a\n  - b\n", true)).toBe("<3>two mistakes:\n<3>  - a\n<3>  - b\n");
  expect(withErrorPriority("a\n", false)).toBe("a\n");
});
