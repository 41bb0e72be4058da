const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time as somebody types it, `10m` ago or an ISO 8601 time; undefined for anything else. @returns ISO 8601 */
export function sinceFrom(text: string, nowMs: number): string | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const known = Object.entries(unitMs).find(([name]) => name === unit);
  const ms = known === undefined ? Date.parse(text) : nowMs - Number(count) * known[1];
  return Number.isNaN(ms) || Math.abs(ms) > 8.64e15 ? undefined : new Date(ms).toISOString();
}
