/** How a board stands to its windows. */
export type WindowStatus =
  /** It may act now. */
  | { readonly kind: "open" }
  /** It has to wait, until then; null where no window opens any more, or none is configured. */
  | { readonly kind: "closed"; readonly until: string | null }
  /** Nothing has set the clock since the board booted: nobody knows whether a window is open. */
  | { readonly kind: "clockUnknown" };

/** What stands in the way while somebody waits for a window. */
export type BlockedBy = Exclude<WindowStatus, { kind: "open" }>;
