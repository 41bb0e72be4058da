/** A time span for people, in its two largest units: "45 s", "5 min", "1 h 30 min", "2 d". @param ms milliseconds */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  const parts = [
    ...(days > 0 ? [`${days} d`] : []),
    ...(hours > 0 ? [`${hours} h`] : []),
    ...(minutes > 0 ? [`${minutes} min`] : []),
    ...(seconds % 60 > 0 || seconds === 0 ? [`${seconds % 60} s`] : []),
  ];
  return parts.slice(0, 2).join(" ");
}
