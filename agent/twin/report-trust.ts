import type { Alerts } from "../lib/alerts.ts";
import type { TrustGate } from "../update/trust-gate.ts";
import type { ReportedState } from "./reported-state.ts";

/** Reports whom the board trusts, and what somebody should know of that, now and with each change. */
export function reportTrust(
  trust: Pick<TrustGate, "status" | "onChange">,
  alerts: Alerts,
  reportedState: Pick<ReportedState, "publish">,
): void {
  const show = (): void => {
    const sentences = trust.status.alerts;
    if (sentences.length === 0) alerts.clear("trust");
    else alerts.raise("trust", sentences.join(" "));
  };
  show();
  trust.onChange(() => {
    show();
    reportedState.publish();
  });
}
