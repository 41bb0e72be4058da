import type { ScheduledTask } from "node-cron";
import { errorMessage } from "../lib/errors.ts";
import type { MaintenanceWindow, Openings } from "./window.ts";

/*
 * When a cron expression matches in a timezone. Of node-cron only the expressions and `match` are used: its scheduler reads
 * the wall clock by itself, which on a board steps by days, and then blocks the process or never fires.
 */

const minuteMs = 60_000;
/** Every offset from UTC that is in use is a multiple of this: within it, the hour of a place stays the same. */
const quarterMs = 15 * minuteMs;
/** Shorter than any day, those of clock changes too: a day that touches it contains its first minute or its last. */
const halfDayMs = 48 * quarterMs;
/** Leap days come every four years. */
const horizonMs = 5 * 366 * 2 * halfDayMs;

type Matches = (instantMs: number) => boolean;

/**
 * Computes when a window opens. node-cron is loaded here, only where a window is configured: it costs 6 MB.
 * Rejects where the expression or the timezone does not exist.
 */
export async function cronOpenings({
  cron,
  timezone,
}: Pick<MaintenanceWindow, "cron" | "timezone">): Promise<Openings> {
  const { createTask } = await import("node-cron");
  const matching = (expression: string): Matches => {
    const task: ScheduledTask = createTask(expression, () => undefined, { timezone });
    void task.destroy(); // It is never started, and node-cron keeps every task in a list until it is destroyed.
    return (instantMs) => task.match(new Date(instantMs));
  };
  const [, hour = "*", ...day] = cron.split(" ");
  return new CronOpenings(
    matching(cron),
    matching(["*", hour, ...day].join(" ")),
    matching(["*", "*", ...day].join(" ")),
  );
}

/** Finds expressions and timezones that do not exist, and windows that never open; one sentence each. */
export async function validateWindows(windows: readonly MaintenanceWindow[], nowMs: number): Promise<string[]> {
  const mistakes: string[] = [];
  for (const [at, window] of windows.entries()) {
    try {
      new Intl.DateTimeFormat("en", { timeZone: window.timezone }).format();
    } catch {
      mistakes.push(
        `${at}.timezone: this board does not know the timezone "${window.timezone}"; use a name such as Europe/Berlin`,
      );
      continue;
    }
    try {
      const openings = await cronOpenings(window);
      if (openings.after(nowMs) === null)
        mistakes.push(`${at}.cron: "${window.cron}" never comes; correct its day or month`);
    } catch (cause) {
      mistakes.push(`${at}.cron: "${window.cron}" is no cron expression (${errorMessage(cause)})`);
    }
  }
  return mistakes;
}

/** Finds the first matching minute: searches by half days, then quarters of an hour, then minutes. */
class CronOpenings implements Openings {
  readonly #matches: Matches;
  readonly #hourMatches: Matches;
  readonly #dayMatches: Matches;
  /** The last result, which is valid for every instant from `fromMs` to it. */
  #known: { readonly fromMs: number; readonly answer: number | null } | undefined;

  constructor(matches: Matches, hourMatches: Matches, dayMatches: Matches) {
    this.#matches = matches;
    this.#hourMatches = hourMatches;
    this.#dayMatches = dayMatches;
  }

  after(instantMs: number): number | null {
    const known = this.#known;
    const isKnown =
      known !== undefined && instantMs >= known.fromMs && known.answer !== null && instantMs < known.answer;
    if (isKnown) return known.answer;
    const answer = this.#find(instantMs);
    this.#known = { fromMs: instantMs, answer };
    return answer;
  }

  #find(instantMs: number): number | null {
    const firstMs = Math.floor(instantMs / quarterMs) * quarterMs;
    for (let blockMs = firstMs; blockMs < firstMs + horizonMs; blockMs += halfDayMs) {
      if (!this.#dayMatches(blockMs) && !this.#dayMatches(blockMs + halfDayMs - minuteMs)) continue;
      const found = this.#findIn(blockMs, instantMs);
      if (found !== undefined) return found;
    }
    return null;
  }

  #findIn(blockMs: number, instantMs: number): number | undefined {
    for (let quarter = blockMs; quarter < blockMs + halfDayMs; quarter += quarterMs) {
      if (!this.#hourMatches(quarter)) continue;
      for (let minute = quarter; minute < quarter + quarterMs; minute += minuteMs) {
        if (minute > instantMs && this.#matches(minute)) return minute;
      }
    }
    return undefined;
  }
}
