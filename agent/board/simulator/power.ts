import type { Power } from "../../reboot/runner.ts";

/** Asks the process that plays the board for a reboot: it stops this one and starts another. */
export const simulatedReboot: Power = {
  async reboot(): Promise<void> {
    if (process.send === undefined)
      throw new Error("No simulated board is under this agent; start it with --simulate.");
    process.send("reboot");
  },
  inhibitors: () => Promise.resolve([]),
};

/** Ends this process at once when the board under it is gone, as a real one ends without power. */
export function exitWithParent(): void {
  process.on("disconnect", () => process.exit(1));
  process.channel?.unref(); // The channel alone keeps no agent alive.
}
