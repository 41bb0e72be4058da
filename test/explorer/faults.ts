/* What can go wrong, or come at a bad moment, at one step of a history. Crashes end the life; the others disturb it. */

export type Disturbance =
  | "link lost"
  | "link lost under a report"
  | "duty failed"
  | "duty done, but failed"
  | "duty done twice"
  | "save refused"
  | "reboot lost"
  | "clock stepped"
  | "request redelivered"
  | "cancel"
  | "new desired document";

export type Crash = "power cut" | "process killed";

/** Faults after which a good job may rightly end otherwise than completed. */
export function excuses(fault: Disturbance): boolean {
  return ["duty failed", "duty done, but failed", "reboot lost", "cancel", "new desired document"].includes(fault);
}

/** Faults that the agent notices only later: at the next save, at the next report, or when it looks at the clock. */
export type Silent = "clock stepped" | "save refused" | "link lost under a report";

export function isSilent(fault: Disturbance): fault is Silent {
  return fault === "clock stepped" || fault === "save refused" || fault === "link lost under a report";
}
