const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** A period for people, in the largest unit of which it has two: "90 seconds", "2 minutes", "47 hours". */
export function formatPeriod(seconds: number): string {
  const [name, unitSeconds] = units.find(([, each]) => seconds >= 2 * each) ?? ["second", 1];
  const count = Math.round(seconds / unitSeconds);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
