import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { TufRepository } from "../support/tuf-repository.ts";
import { against, median, spread, table } from "./figures.ts";

/*
 * scripts/bench trust [TURNS]: what it costs to refresh the metadata of 50 images and to verify it, beside tuf-js. Each process is
 * new, bundled and minified, and reads the repository from a web server on this machine, over plain http. What a bare Node costs is
 * taken off.
 */

const board = "acme,gateway";
const turns = Number(process.argv[2] ?? 15);
const programs = ["bare", "ours", "tuf-js"] as const;
type Program = (typeof programs)[number];

interface Cost {
  readonly cpuMs: number;
  readonly peakKiB: number;
  readonly images: number;
}

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "boardkeeper-trust-"));
try {
  const now = new Date();
  const versions = Array.from({ length: 50 }, (_, at) => `1.0.${at}`);
  const repository = new TufRepository({ boards: { [board]: versions }, now });
  const server = createServer(({ url = "" }, response) => {
    const bytes = repository.files.get(decodeURIComponent(url.replace("/metadata/", "")));
    response.writeHead(bytes === undefined ? 404 : 200, { "content-length": bytes?.length ?? 0 }).end(bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** One process that starts with the first root alone. */
  const measure = async (program: Program, refreshes: number, turn: number): Promise<Cost> => {
    const own = `${folder}/${program}-${refreshes}-${turn}`;
    mkdirSync(own);
    writeFileSync(`${own}/root.json`, repository.file("1.root.json"));
    writeFileSync(`${own}/paths.json`, JSON.stringify(Object.keys(repository.boards[board] ?? {})));
    const script = join(import.meta.dirname, "verifiers", `${program}.mjs`);
    const { stdout } = await run(process.execPath, [script, address, own, board, String(refreshes)]);
    const cost = JSON.parse(stdout) as Cost;
    if (program !== "bare" && cost.images !== versions.length)
      throw new Error(`${program} trusts ${cost.images} images.`);
    return cost;
  };

  for (const [refreshes, what] of [
    [1, "the first refresh"],
    [50, "50 refreshes, of which 49 find nothing new"],
  ] as const) {
    const costs: Record<Program, Cost[]> = { bare: [], ours: [], "tuf-js": [] };
    for (let turn = 0; turn < turns; turn += 1)
      for (const program of programs) costs[program].push(await measure(program, refreshes, turn));
    const cpuMs = (program: Program): number[] => costs[program].map((one) => one.cpuMs);
    const peakMiB = (program: Program): number[] => costs[program].map((one) => one.peakKiB / 1_024);
    const added = (of: (program: Program) => number[]): number =>
      (median(of("ours")) - median(of("bare"))) / (median(of("tuf-js")) - median(of("bare")));
    const rows = programs.map((program) => [program, spread(cpuMs(program), 1), spread(peakMiB(program), 1)]);
    process.stdout.write(`\n### ${what}, ${turns} turns\n\n`);
    process.stdout.write(table(["", "CPU, ms", "peak RSS, MiB"], rows));
    process.stdout.write(`\n- CPU above a bare Node, ours / tuf-js: ${against(added(cpuMs), 0.6)}\n`);
    process.stdout.write(`- peak RSS above a bare Node, ours / tuf-js: ${against(added(peakMiB), 0.6)}\n`);
  }
  server.close();
} finally {
  rmSync(folder, { recursive: true });
}
