/** A program on the board that holds one of systemd's inhibitor locks against a shutdown. */
export interface Inhibitor {
  readonly who: string;
  readonly why: string;
}

/** Why the board does not reboot now, and what to do. */
export function inhibitedMessage(inhibitors: readonly Inhibitor[]): string {
  const names = inhibitors
    .slice(0, 3)
    .map(({ who, why }) => `${who} (${why})`)
    .join(", ");
  const more = inhibitors.length > 3 ? ` and ${inhibitors.length - 3} more` : "";
  return `No reboot now: ${names}${more} blocks a shutdown. Wait until it is released, or request the reboot with force.`;
}
