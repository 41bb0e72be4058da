import { causeWords } from "../boards/format-twin-changes.ts";
import { nameOf, targetFlags, type Target } from "../hub-client/hub-client.ts";
import type { Outcome } from "./outcome.ts";
import type { RebootEnd } from "./reboot-tracker.ts";

/** What to say of a reboot's end. */
export function rebootOutcome(target: Target, end: RebootEnd): Outcome {
  const board = nameOf(target);
  const flags = targetFlags(target);
  switch (end.kind) {
    case "proven": {
      const { bootIdBefore, bootId, cause } = end;
      const how = cause === "requested" || cause === null ? "" : `, ${causeWords(cause)}`;
      const proof = `Proven: boot ${short(bootIdBefore)} ended, boot ${short(bootId)} began.`;
      return { isGood: true, sentence: `${board} has rebooted${how}. ${proof}`, details: { ...end } };
    }
    case "unproven":
      return {
        isGood: false,
        failure: "failed",
        sentence: `${board} says that it has rebooted, but its boot id is still ${end.bootId ?? "unknown"}: nothing is proven.`,
        advice: `Look at the board: boardkeeper status ${flags}`,
        details: { ...end },
      };
    case "failed": {
      const { error } = end;
      const why = error === null ? "It does not say why." : `${error.message} (${error.code})`;
      return {
        isGood: false,
        failure: "failed",
        sentence: `The reboot of ${board} failed. ${why}`,
        details: { kind: "failed", error: error && { ...error } },
      };
    }
    case "cancelled":
      return {
        isGood: false,
        failure: "failed",
        sentence: `The reboot of ${board} was cancelled before it was due.`,
        details: { ...end },
      };
    case "superseded":
      return {
        isGood: false,
        failure: "failed",
        sentence: `The reboot of ${board} was not seen to its end: ${end.by === null ? "the board no longer tells of it" : `it tells of another one now (${end.by})`}.`,
        advice: `Look at the board: boardkeeper status ${flags}`,
        details: { ...end },
      };
  }
}

/** The beginning of a boot id tells one boot from another; programs get all of it. */
function short(bootId: string): string {
  return bootId.slice(0, 8);
}
