import { expect, it } from "vitest";
import { formatPeriod } from "../../../../../agent/cli/format/format-period.ts";

it.each([
  [0, "0 seconds"],
  [1, "1 second"],
  [119, "119 seconds"],
  [120, "2 minutes"],
  [7_200, "2 hours"],
  [200_000, "2 days"],
])("%d s is said as %s", (seconds, words) => expect(formatPeriod(seconds)).toBe(words));
