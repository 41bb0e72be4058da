/** What a process that verifies is given: the repository's address, a folder with the first root, a board's name, and how often to refresh. */
export const [repository = "", folder = "", board = "", refreshes = "1"] = process.argv.slice(2);

/** Says what the process has cost, and how many images it trusts. */
export function report(images: number): void {
  const { user, system } = process.cpuUsage();
  const cost = { cpuMs: (user + system) / 1_000, peakKiB: process.resourceUsage().maxRSS, images };
  process.stdout.write(JSON.stringify(cost));
}
