/** Somebody on the board who asks that it is not shut down for now (systemd's inhibitor locks). */
export interface Inhibitor {
  readonly who: string;
  readonly why: string;
}

/** Why a reboot is not to be had now, and what to do. */
export function inhibitedMessage(inhibitors: readonly Inhibitor[]): string {
  const names = inhibitors
    .slice(0, 3)
    .map(({ who, why }) => `${who} (${why})`)
    .join(", ");
  const more = inhibitors.length > 3 ? ` and ${inhibitors.length - 3} more` : "";
  return `No reboot now: ${names}${more} asks that the board is not shut down. Wait until that is over, or ask with force.`;
}
