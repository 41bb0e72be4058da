/* Durations and sizes in the form that people write and read. */

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads "90s", "5m", "1h30m" or "2d" as milliseconds; undefined for anything else, such as a number without a unit. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  const totalMs = parts.reduce((sum, [, count = "", unit = ""]) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : undefined;
}

/** Elapsed time: "0:07", "12:30", "1:02:03". */
export function formatElapsed(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const two = (count: number): string => String(count).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const sizes = ["B", "KiB", "MiB", "GiB", "TiB"];

/** "812 B", "3.4 MiB", "64.0 MiB". */
export function formatSize(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), sizes.length - 1);
  return step === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * step)).toFixed(1)} ${sizes[step]}`;
}
