import type { Build, Starts } from "./board-programs.ts";
import { builds, printStarts, say, sayLoad, startInTurns, startRatios, withBoards } from "./board-programs.ts";
import { table } from "./figures.ts";

/* scripts/bench start [TURNS]: how soon the agent serves after systemd has begun to start it, beside others. */

const turns = Number(process.argv[2] ?? 15);

await withBoards(async (boot) => {
  const all = new Map<Build, Starts>();
  for (const build of Object.keys(builds) as Build[]) all.set(build, await startInTurns(await boot(build), turns));
  sayLoad();
  for (const [build, starts] of all) {
    say(`### On ${builds[build].node} (package \`${build}\`)\n`);
    printStarts(starts);
    say(table(["", "measured"], startRatios(build, starts)));
  }
});
