/** A time span for a message, in the unit that suits it: "45 s", "2.5 min", "24 h". @param ms milliseconds */
export function formatDuration(ms: number): string {
  const tenths = (unitMs: number): number => Math.round((ms * 10) / unitMs) / 10;
  if (ms < 120_000) return `${tenths(1_000)} s`;
  return ms < 7_200_000 ? `${tenths(60_000)} min` : `${tenths(3_600_000)} h`;
}
