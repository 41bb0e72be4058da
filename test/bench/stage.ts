import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import { AgentProcess } from "./agent-process.ts";
import { against, median, spread, table } from "./figures.ts";
import { makeImage, serveFolder } from "./image-site.ts";
import type { SiteImage } from "./image-site.ts";
import { curlFilePeer, curlPeer, naivePeer, swupdatePeer } from "./peers.ts";
import type { Cost } from "./peers.ts";
import { ServiceApp } from "./service-app.ts";

/*
 * scripts/bench stage [MiB]: an image downloaded over loopback HTTPS, digested, written and synced, by the agent as boards
 * get it, by curl, tee and sha256sum, by swupdate, by curl alone, which digests nothing, and by the shortest script for Node; in
 * turns, whole processes, from one server.
 */

const MiB = 2 ** 20;
const sizeMiB = Number(process.argv[2] ?? 512);
const turns = Number(process.argv[3] ?? 7);
/** Four times the image: what an agent needs must not depend on it. */
const largeMiB = 4 * sizeMiB;
/** Idle is what remains after start-up, when V8 has given back what starting took. */
const settleMs = 10_000;

const folder = await mkdtemp(join(process.env["BOARDKEEPER_BENCH_FOLDER"] ?? "/var/tmp", "boardkeeper-bench-"));
const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub") });
const connectionString = await hub.addDevice("bench");
const app = new ServiceApp(hub, "bench");

try {
  await bench();
} finally {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
}

/** What an update has cost the agent, beyond what it is when idle. */
interface AgentCost extends Cost {
  readonly idleBytes: number;
  /** With its part of what other processes share with it: when idle, and when the image is staged. */
  readonly idleProportionalBytes: number;
  readonly stagedProportionalBytes: number;
  /** Of the wall time: from the first question to the server until all is digested and on disk. */
  readonly fetchSeconds: number;
}

async function bench(): Promise<void> {
  const root = join(folder, "site");
  await mkdir(root);
  const image = await makeImage(join(root, "image.img"), sizeMiB, "random");
  const large = await makeImage(join(root, "large.img"), largeMiB, "zeros");
  const site = await serveFolder(hub, root, join(folder, "nginx"));
  try {
    const peers = [
      curlPeer(root, `${site.origin}/image.img`, hub.caFile, image),
      await swupdatePeer(root, site.origin, hub.caFile, image),
      curlFilePeer(root, `${site.origin}/image.img`, hub.caFile, image),
      naivePeer(root, `${site.origin}/image.img`, hub.caFile, image),
    ] as const;
    const ours: AgentCost[] = [];
    const theirs: Cost[][] = peers.map(() => []);
    for (let turn = 0; turn < turns; turn += 1) {
      // The first of a turn finds the disk quieter than the last: each is each as often.
      const agent = async (): Promise<void> => void ours.push(await update(site.origin, image));
      const others = peers.map((peer, index) => async () => void theirs[index]?.push(await peer.take()));
      const inTurn = [agent, ...others];
      for (let index = 0; index < inTurn.length; index += 1) {
        await settled();
        await inTurn[(turn + index) % inTurn.length]?.();
      }
    }
    const [curl = [], swupdate = [], curlFile = [], naive = []] = theirs;
    print(
      { agent: ours, curl, swupdate, curlFile, naive },
      peers.map(({ name }) => name),
    );
    const whole = await update(site.origin, large);
    say(`Peak RSS over idle with ${largeMiB} MiB: + ${((whole.peakBytes - whole.idleBytes) / MiB).toFixed(1)} MiB.`);
  } finally {
    await site.stop();
  }
}

/** A fresh agent, idle for a while, then asked for an update that waits for an order once it is staged. */
async function update(origin: string, image: SiteImage): Promise<AgentCost> {
  const stateDir = join(folder, "board");
  const agent = await AgentProcess.start({ connectionString, caFile: hub.caFile, stateDir });
  try {
    await sleep(settleMs);
    await settled();
    const idleBytes = await agent.memory("VmRSS");
    const idleProportionalBytes = await agent.proportionalMemory();
    await agent.resetPeak();
    const cpuBefore = await agent.cpuSeconds();
    let asked = 0;
    let fetched = 0;
    const fetching = (async () => {
      await agent.enters("downloading");
      asked = performance.now();
      await agent.enters("verifying");
      fetched = performance.now();
    })();
    const staged = agent.enters("staged");
    const began = performance.now();
    await app.call("firmwareUpdate", {
      fwPackageUri: `${origin}/${image.file.slice(image.file.lastIndexOf("/") + 1)}`,
      fwPackageCheckValue: image.sha256,
      fwVersion: "2.0.0",
      apply: "manual",
    });
    await Promise.all([fetching, staged]);
    const wallSeconds = (performance.now() - began) / 1_000;
    const cpuSeconds = (await agent.cpuSeconds()) - cpuBefore;
    const fetchSeconds = (fetched - asked) / 1_000;
    const peakBytes = await agent.memory("VmHWM");
    const stagedProportionalBytes = await agent.proportionalMemory();
    return {
      wallSeconds,
      fetchSeconds,
      cpuSeconds,
      peakBytes,
      idleBytes,
      idleProportionalBytes,
      stagedProportionalBytes,
    };
  } finally {
    await agent.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

/** Nothing that others have written is still on its way to the disk. */
async function settled(): Promise<void> {
  await promisify(execFile)("sync");
}

interface Costs {
  readonly agent: readonly AgentCost[];
  readonly curl: readonly Cost[];
  readonly swupdate: readonly Cost[];
  readonly curlFile: readonly Cost[];
  readonly naive: readonly Cost[];
}

function print(costs: Costs, [curlName = "", swupdateName = "", curlFileName = "", naiveName = ""]: string[]): void {
  const { agent, curl, swupdate, curlFile, naive } = costs;
  const wall = (of: readonly Cost[]): number[] => of.map(({ wallSeconds }) => wallSeconds);
  const cpu = (of: readonly Cost[]): number[] => of.map(({ cpuSeconds }) => cpuSeconds);
  const peak = (of: readonly Cost[]): number[] => of.map(({ peakBytes }) => peakBytes / MiB);
  const over = agent.map(({ peakBytes, idleBytes }) => (peakBytes - idleBytes) / MiB);
  const row = (name: string, of: readonly Cost[]): string[] => [
    name,
    spread(wall(of)),
    spread(cpu(of)),
    spread(peak(of), 1),
  ];
  const fastest = Math.min(median(wall(curl)), median(wall(swupdate)));
  const [wallOfAgent, cpuOfAgent] = [median(wall(agent)), median(cpu(agent))];

  say(`${sizeMiB} MiB, ${turns} turns, medians (least to most):\n`);
  say(
    table(
      ["", "wall, s", "CPU, s", "peak RSS, MiB"],
      [
        row("agent", agent),
        row(curlName, curl),
        row(swupdateName, swupdate),
        row(curlFileName, curlFile),
        row(naiveName, naive),
      ],
    ),
  );
  say(`Wall, agent / the faster peer: ${against(wallOfAgent / fastest, 0.7)}.`);
  say(`Wall, agent / ${curlFileName}: ${against(wallOfAgent / median(wall(curlFile)), 1.2)}.`);
  say(
    `Of the agent's wall, from asking the server until all is on disk: ${spread(agent.map((one) => one.fetchSeconds))} s.`,
  );
  say(`Wall, agent / shortest Node: ${(wallOfAgent / median(wall(naive))).toFixed(2)}.`);
  say(`CPU, agent / swupdate: ${against(cpuOfAgent / median(cpu(swupdate)), 0.95)}.`);
  say(`CPU, agent / curl: ${(cpuOfAgent / median(cpu(curl))).toFixed(2)}.`);
  say(`CPU, agent / shortest Node: ${(cpuOfAgent / median(cpu(naive))).toFixed(2)}.`);
  say(`Peak RSS over idle: + ${spread(over, 1)} MiB (goal + 12).`);
  const [idle, idlePss, stagedPss] = [
    agent.map(({ idleBytes }) => idleBytes / MiB),
    agent.map(({ idleProportionalBytes }) => idleProportionalBytes / MiB),
    agent.map(({ stagedProportionalBytes }) => stagedProportionalBytes / MiB),
  ];
  say(`Idle: RSS ${spread(idle, 1)} MiB, PSS ${spread(idlePss, 1)} MiB; PSS once staged ${spread(stagedPss, 1)} MiB.`);
  for (const [name, of] of Object.entries(costs)) {
    const turnsOf = of.map((one: Cost) => `${one.wallSeconds.toFixed(2)}/${one.cpuSeconds.toFixed(2)}`).join(" ");
    say(`Each turn, wall/CPU: ${name} ${turnsOf}`);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
