import { describe, expect, it } from "vitest";
import { formatLogLine, newestLogPage } from "../../../../agent/contract/logs.ts";
import { parseLogsRequest } from "../../../../agent/contract/methods.ts";

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, "0")}.000Z`;

function line(second: number, level: string, more: object = {}): string {
  return JSON.stringify({ level, time: at(second), part: "link", msg: `line ${second}`, ...more });
}

const lines = [line(1, "debug"), line(2, "info"), line(3, "warn"), line(4, "error"), line(5, "fatal")];

describe("the lines that were asked for", () => {
  it.each([
    [{}, [1, 2, 3, 4, 5]],
    [{ level: "warn" }, [3, 4, 5]],
    [{ level: "fatal" }, [5]],
    [{ since: at(4) }, [4, 5]],
    [{ since: "2026-01-02T04:04:04+01:00", level: "fatal" }, [5]],
    [{ since: at(6) }, []],
  ] as const)("%j", (asked, seconds) => {
    const page = newestLogPage(lines, asked);
    expect(page.lines.map(({ msg }) => msg)).toEqual(seconds.map((second) => `line ${second}`));
    expect(page.omitted).toBe(0);
  });

  it("are the newest that fit an answer, with the count of the others", () => {
    const many = Array.from({ length: 3_000 }, (_, index) => line(index % 60, "info", { index, text: "é".repeat(40) }));
    const { lines: page, omitted } = newestLogPage(many, {});
    const bytes = Buffer.byteLength(JSON.stringify({ lines: page, omitted }));
    expect(bytes).toBeLessThanOrEqual(100 * 1_024);
    expect(bytes).toBeGreaterThan(98 * 1_024);
    expect(page.at(-1)).toMatchObject({ index: 2_999 });
    expect(page.length + omitted).toBe(3_000);
  });

  it("hold no secret, wherever one may have slipped in", () => {
    const secret = "c2VjcmV0";
    const slips = [
      line(1, "info", { reason: `HostName=h;SharedAccessKey=${secret}` }),
      line(1, "info", { err: { message: `GET https://h/x?sig=${secret} failed`, cause: [`sig=${secret}`] } }),
      `a crash: https://me:${secret}@h/`,
    ];
    const page = newestLogPage(slips, {});
    expect(JSON.stringify(page)).not.toContain(secret);
    expect(page.lines).toHaveLength(3);
  });
});

describe("a line for people", () => {
  it.each([
    [{ time: at(1), level: "info", part: "link", msg: "up" }, "2026-01-02T03:04:01.000Z  info   link       up"],
    [
      { time: at(1), level: "warn", msg: "x", why: "a b", n: 1, none: null, list: ["y"] },
      '2026-01-02T03:04:01.000Z  warn              x why="a b" n=1 list=["y"]',
    ],
    [
      { time: at(1), level: "error", part: "update", msg: "failed", err: { message: "No room." } },
      "2026-01-02T03:04:01.000Z  error  update     failed (No room.)",
    ],
    // What looks like another line would be believed.
    [
      { time: at(1), level: "error", msg: "failed\n\n2026-01-02T03:04:02.000Z  info", err: { message: "a\r\nb" } },
      "2026-01-02T03:04:01.000Z  error             failed 2026-01-02T03:04:02.000Z  info (a b)",
    ],
  ])("%j", (given, expected) => expect(formatLogLine(given)).toBe(expected));
});

describe("a request for them", () => {
  it.each([[{}], [null], ['{"level":"warn"}'], [{ since: at(1), level: "debug" }]])("may be %j", (payload) => {
    expect(parseLogsRequest(payload).ok).toBe(true);
  });

  it.each([
    [{ since: "yesterday" }, "since: expected a time with its zone such as"],
    [{ since: 5 }, "since: expected a time with its zone such as"],
    [{ level: "loud" }, "level: expected"],
  ])("may not be %j", (payload, problem) => {
    const checked = parseLogsRequest(payload);
    expect(checked.ok ? "" : checked.problems.join()).toContain(problem);
  });
});
