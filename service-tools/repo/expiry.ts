import type { Contents } from "./contents.ts";
import { lifetimeMs } from "./metadata.ts";

/* When what is signed in a repository expires. Pure. */

export interface Expiry {
  /** "root", "timestamp", …, or a board's name. */
  readonly role: string;
  /** In ISO 8601. */
  readonly expires: string;
}

/** Of each role, the top-level ones first. */
export function expiryOf({ root, timestamp, snapshot, targets, boards }: Contents): Expiry[] {
  return [
    { role: "root", expires: root.expires },
    { role: "timestamp", expires: timestamp.expires },
    { role: "snapshot", expires: snapshot.expires },
    { role: "targets", expires: targets.expires },
    ...[...boards].map(([role, { expires }]) => ({ role, expires })),
  ];
}

/** True when a quarter of the lifetime of a list of images is over. */
export function needsRefresh({ targets, boards }: Pick<Contents, "targets" | "boards">, now: Date): boolean {
  const earliest = Math.min(
    ...[targets.expires, ...[...boards.values()].map(({ expires }) => expires)].map((text) => Date.parse(text)),
  );
  return earliest - now.getTime() < lifetimeMs.targets * 0.75;
}

const dayMs = 86_400_000;
/** So early that a person still has time: a root is rotated with a key from a safe. */
const warningDays = { root: 365, others: 60 };

/** What has expired or soon will, a sentence each. */
export function expiryWarnings(contents: Contents, now: Date): string[] {
  return expiryOf(contents).flatMap(({ role, expires }) => {
    const leftMs = Date.parse(expires) - now.getTime();
    const advice =
      role === "root" ? "Renew it with: boardkeeper repo rotate" : "Renew it with: boardkeeper repo refresh";
    if (leftMs <= 0) return [`${role} has expired at ${expires}. ${advice}`];
    const days = role === "root" ? warningDays.root : warningDays.others;
    return leftMs < days * dayMs
      ? [`${role} expires at ${expires}, in ${Math.floor(leftMs / dayMs)} days. ${advice}`]
      : [];
  });
}
