import { expect, it } from "vitest";
import { formatFindings } from "../../../../../agent/cli/doctor/finding.ts";

it("says at the end how many faults there are, and which", () => {
  const text = formatFindings([
    { check: "dns", level: "fault", what: "no", advice: "do" },
    { check: "clock", level: "warning", what: "hm", advice: "do" },
    { check: "tls", level: "ok", what: "yes" },
  ]);
  expect(text).toBe(
    "FAULT    dns    no\n                → do\nWARNING  clock  hm\n                → do\nok       tls    yes\n\n1 fault: dns. 1 warning.\n",
  );
});
