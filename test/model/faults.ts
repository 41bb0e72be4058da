/*
 * What can go wrong, or come at a bad moment, at one step of a history. Crashes end the life; the others disturb it. Steps of
 * the wall clock are not among them: every reading of it finds that it was stepped (life.ts).
 */

export type Disturbance =
  | "link lost"
  | "link lost under a report"
  | "duty failed"
  | "duty done, but failed"
  | "duty done twice"
  | "save refused"
  | "reboot lost"
  | "request redelivered"
  | "cancel"
  | "new desired document";

export type Crash = "power cut" | "process killed";

/** Faults after which a good job may rightly end otherwise than completed. */
export function excuses(fault: Disturbance): boolean {
  return ["duty failed", "duty done, but failed", "reboot lost", "cancel", "new desired document"].includes(fault);
}

/** Faults that the agent notices only later: at the next save, or at the next report. */
export type Silent = "save refused" | "link lost under a report";

export function isSilent(fault: Disturbance): fault is Silent {
  return fault === "save refused" || fault === "link lost under a report";
}
