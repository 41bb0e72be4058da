import * as fc from "fast-check";
import { getTasks } from "node-cron";
import { describe, expect, it } from "vitest";
import { validateWindows, cronOpenings } from "../../../../agent/maintenance/cron.ts";

const minuteMs = 60_000;
const at = (time: string): number => Date.parse(time);

async function openingsAfter(cron: string, timezone: string, from: string, count: number): Promise<string[]> {
  const openings = await cronOpenings({ cron, timezone });
  const found: string[] = [];
  for (let ms: number | null = at(from); found.length < count;) {
    ms = openings.after(ms);
    if (ms === null) break;
    found.push(new Date(ms).toISOString().slice(0, 16));
  }
  return found;
}

describe("openings", () => {
  it.each<[what: string, cron: string, timezone: string, from: string, expected: string[]]>([
    ["each night", "0 2 * * *", "UTC", "2026-01-01T02:00Z", ["2026-01-02T02:00", "2026-01-03T02:00"]],
    ["strictly later", "0 2 * * *", "UTC", "2026-01-01T01:59:59.999Z", ["2026-01-01T02:00"]],
    ["by the weekday", "30 3 * * sat", "Europe/Berlin", "2026-01-01T00:00Z", ["2026-01-03T02:30", "2026-01-10T02:30"]],
    ["by day and weekday, both", "0 0 13 * fri", "UTC", "2026-01-01T00:00Z", ["2026-02-13T00:00", "2026-03-13T00:00"]],
    ["in a zone with a quarter", "0 0 * * *", "Asia/Kathmandu", "2026-01-01T00:00Z", ["2026-01-01T18:15"]],
    ["across the date line", "0 0 1 * *", "Pacific/Kiritimati", "2026-01-01T00:00Z", ["2026-01-31T10:00"]],
    ["on a leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00Z", ["2028-02-29T00:00"]],
    ["each quarter of an hour", "*/15 * * * *", "UTC", "2026-01-01T00:00Z", ["2026-01-01T00:15", "2026-01-01T00:30"]],

    [
      "Berlin goes forward",
      "0 3 * * *",
      "Europe/Berlin",
      "2026-03-28T00:00Z",
      ["2026-03-28T02:00", "2026-03-29T01:00"],
    ],
    ["Berlin has no half past two", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-30T00:30"]],
    ["Berlin goes back", "0 4 * * *", "Europe/Berlin", "2026-10-24T12:00Z", ["2026-10-25T03:00", "2026-10-26T03:00"]],
    [
      "Berlin has half past two twice",
      "30 2 * * *",
      "Europe/Berlin",
      "2026-10-24T12:00Z",
      ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"],
    ],
    [
      "New York goes forward",
      "0 3 * * *",
      "America/New_York",
      "2026-03-07T12:00Z",
      ["2026-03-08T07:00", "2026-03-09T07:00"],
    ],
    ["New York has no half past two", "30 2 * * *", "America/New_York", "2026-03-07T12:00Z", ["2026-03-09T06:30"]],
    [
      "New York has half past one twice",
      "30 1 * * *",
      "America/New_York",
      "2026-10-31T12:00Z",
      ["2026-11-01T05:30", "2026-11-01T06:30", "2026-11-02T06:30"],
    ],
  ])("%s", async (_what, cron, timezone, from, expected) => {
    expect(await openingsAfter(cron, timezone, from, expected.length)).toStrictEqual(expected);
  });

  it("leaves nothing behind in node-cron, and starts nothing there", async () => {
    await cronOpenings({ cron: "0 2 * * *", timezone: "UTC" });
    expect(getTasks().size).toBe(0);
  });

  it("is what a clock on the wall there shows, for every minute on the way", async () => {
    const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"] as const;
    /** Around the clock changes of these zones, and in the middle of nowhere. */
    const days = [
      "2026-03-07",
      "2026-03-28",
      "2026-04-04",
      "2026-10-03",
      "2026-10-24",
      "2026-10-31",
      "2026-06-15",
    ] as const;
    const walls = new Map(zones.map((zone) => [zone, wallClock(zone)]));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...zones),
        fc.constantFrom(...days),
        fc.nat(36 * 60),
        fc.nat(59),
        fc.nat(23),
        async (zone, day, fromMinute, minute, hour) => {
          const openings = await cronOpenings({ cron: `${minute} ${hour} * * *`, timezone: zone });
          const fromMs = at(`${day}T00:00Z`) + fromMinute * minuteMs;
          const found = openings.after(fromMs) ?? Infinity;
          expect(found).toBeGreaterThan(fromMs);
          expect(found - fromMs).toBeLessThanOrEqual(50 * 3_600_000);
          const wanted = `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
          const shows = walls.get(zone) ?? wallClock(zone);
          const matching = [];
          for (let ms = fromMs + minuteMs; ms <= found; ms += minuteMs) if (shows(ms) === wanted) matching.push(ms);
          expect(matching).toStrictEqual([found]);
          // Asked for any time on the way, the answer is the same: it is remembered, and must not be stale.
          expect(openings.after(found - 1)).toBe(found);
          expect(openings.after(found)).toBeGreaterThan(found);
          expect(openings.after(fromMs)).toBe(found);
        },
      ),
      { numRuns: 40 },
    );
  });
});

it("tells which windows this board cannot have, and why", async () => {
  const window = { durationMs: minuteMs, splayMs: 0, timezone: "UTC", cron: "0 2 * * *" };
  expect(
    await validateWindows(
      [
        window,
        { ...window, cron: "61 2 * * *" },
        { ...window, timezone: "Europe/Atlantis" },
        { ...window, cron: "0 0 29 2 fri#1" },
      ],
      at("2026-01-01T00:00Z"),
    ),
  ).toStrictEqual([
    expect.stringMatching(/^1\.cron: "61 2 \* \* \*" is no cron expression \(.*minute\)$/),
    '2.timezone: this board does not know the timezone "Europe/Atlantis"; use a name such as Europe/Berlin',
    '3.cron: "0 0 29 2 fri#1" never comes; correct its day or month',
  ]);
});

function wallClock(timeZone: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return (ms) => format.format(ms);
}
