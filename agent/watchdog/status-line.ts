import type { Snapshot } from "../contract/snapshot.ts";

export interface StatusFacts {
  readonly snapshot: Snapshot;
  readonly hub: string;
  readonly device: string;
  readonly link: { readonly up: boolean; readonly diagnosis: string | null };
  readonly isRecovered: boolean;
}

/** The agent's status for `systemctl status`: the connection, then the current operations. One line. */
export function statusLine({ snapshot, hub, device, link, isRecovered }: StatusFacts): string {
  const connection = link.up ? `Connected to ${hub} as ${device}.` : (link.diagnosis ?? `Connecting to ${hub}.`);
  const { problems } = snapshot.agent;
  const sentences = isRecovered
    ? [describeUpdate(snapshot), describeReboot(snapshot)].filter((one) => one !== null)
    : ["Recovering the saved state."];
  if (sentences.length === 0) sentences.push("Nothing to do.");
  if (problems !== null && problems.length > 0)
    sentences.push(`${problems.length} problem(s) at the start: see the log.`);
  return [connection, ...sentences].join(" ").replaceAll(/\s+/g, " ");
}

const waits = { order: "approval", window: "its window", clock: "the clock to be set" } as const;

function describeUpdate({ update }: Snapshot): string | null {
  const { version, receivedBytes, totalBytes, waitsFor, error, delay } = update;
  switch (update.phase) {
    case "idle":
    case "completed":
      return null;
    case "cancelled":
      return error === null ? null : `Last update cancelled (${error.code}).`;
    case "accepted":
      return `Update to ${version}: the download is about to start.`;
    case "downloading": {
      if (delay !== null) return `Update to ${version}: the download waits (${delay.code}).`;
      const isKnown = receivedBytes !== null && totalBytes !== null && totalBytes > 0;
      return `Update to ${version}: downloading${isKnown ? `, ${Math.floor((receivedBytes / totalBytes) * 100)} %` : ""}.`;
    }
    case "verifying":
      return `Update to ${version}: checking the image.`;
    case "staged":
      return `Update to ${version}: staged${waitsFor === null ? "" : `, waits for ${waits[waitsFor]}`}.`;
    case "applying":
      return `Update to ${version}: installing.`;
    case "rebooting":
      return `Update to ${version}: restarting into it.`;
    case "proving":
      return `Update to ${version}: proving the new system.`;
    case "reverting":
      return `Update to ${version}: going back to the old system.`;
    case "failed":
    case "rolledBack":
      return `Last update failed (${error?.code ?? "unknown"}).`;
  }
}

function describeReboot({ reboot }: Snapshot): string | null {
  switch (reboot.phase) {
    case "idle":
    case "proven":
    case "cancelled":
      return null;
    case "scheduled":
      return `Reboot scheduled for ${reboot.scheduledFor}.`;
    case "waiting":
      return "Reboot due; waits for the update.";
    case "rebooting":
      return "Rebooting.";
    case "failed":
      return `Last reboot failed (${reboot.error?.code ?? "unknown"}).`;
  }
}
