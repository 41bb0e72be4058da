import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { loadCredentials } from "../../service-tools/local-hub/tls/credentials.ts";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import { AgentProcess } from "./agent-process.ts";
import { median, share } from "./figures.ts";
import { ServiceApp } from "./service-app.ts";

/*
 * scripts/bench update [MiB]: one real update of a large image, over the local hub and loopback HTTPS. Prints the agent's
 * idle and peak resident memory, and how long direct methods took while it downloaded.
 */

const MiB = 2 ** 20;
const sizeMiB = Number(process.argv[2] ?? 1_024);
const folder = await mkdtemp(join(tmpdir(), "boardkeeper-bench-"));
const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub") });
const block = randomBytes(MiB);

try {
  await bench();
} finally {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const server = await serve();
  const { port } = server.address() as AddressInfo;
  const app = new ServiceApp(hub, "bench");
  const connectionString = await hub.addDevice("bench");
  const agent = await AgentProcess.start({ connectionString, caFile: hub.caFile, stateDir: join(folder, "board") });
  try {
    await sleep(15_000); // Idle is what remains after start-up, when V8 has given back what starting took.
    const idle = await agent.memory("VmRSS");
    await agent.resetPeak();
    const idleMs = await answers(app, async (count) => count >= 50);

    await app.call("firmwareUpdate", {
      fwPackageUri: `https://localhost:${port}/image`,
      fwPackageCheckValue: digest(),
      fwVersion: "2.0.0",
    });
    const began = performance.now();
    let downloadMs = 0;
    let peak = 0;
    const busyMs = await answers(app, async () => {
      peak = Math.max(peak, await agent.memory("VmHWM").catch(() => 0)); // The simulated reboot ends the process.
      const phase = await phaseOf(app);
      if (phase !== "downloading" && phase !== "accepted" && downloadMs === 0) downloadMs = performance.now() - began;
      return ["rebooting", "proving", "completed"].includes(phase);
    });
    while ((await phaseOf(app)) !== "completed") await sleep(100);

    print("image", `${sizeMiB} MiB, downloaded in ${(downloadMs / 1_000).toFixed(1)} s`);
    print("idle RSS", `${(idle / MiB).toFixed(1)} MiB`);
    print(
      "peak RSS during the update",
      `${(peak / MiB).toFixed(1)} MiB (+${((peak - idle) / MiB).toFixed(1)}, goal +32)`,
    );
    print("method answers, idle", spread(idleMs));
    print("method answers, updating", `${spread(busyMs)} (goal 250)`);
  } finally {
    await agent.stop();
    server.close();
    server.closeAllConnections();
  }
}

/** A server of one image that nobody has to keep: the same block again and again. */
async function serve(): Promise<Server> {
  const { server: pair } = await loadCredentials(hub.folder, [hub.hostName, hub.hubName], Date.now());
  const server = createServer({ cert: pair.certificate, key: pair.privateKey }, (_request, response) => {
    response.writeHead(200, { "content-length": sizeMiB * MiB });
    void (async () => {
      for (let sent = 0; sent < sizeMiB && !response.destroyed; sent += 1) {
        if (!response.write(block)) await once(response, "drain");
      }
      response.end();
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function digest(): string {
  const hash = createHash("sha256");
  for (let count = 0; count < sizeMiB; count += 1) hash.update(block);
  return hash.digest("hex");
}

/** Calls a method ten times a second until there is enough; answers how long each took, in milliseconds. */
async function answers(app: ServiceApp, isEnough: (count: number) => Promise<boolean>): Promise<number[]> {
  const took: number[] = [];
  while (!(await isEnough(took.length))) {
    const began = performance.now();
    await app.call("getStatus");
    took.push(performance.now() - began);
    await sleep(100);
  }
  return took;
}

async function phaseOf(app: ServiceApp): Promise<string> {
  return (await app.reported())["boardkeeper"].update.phase;
}

function spread(took: readonly number[]): string {
  const [half, most, all] = [median(took), share(took, 0.99), share(took, 1)].map((ms) => ms.toFixed(0));
  return `${took.length} calls: median ${half} ms, 99 % ${most} ms, longest ${all} ms`;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(28)}${value}\n`);
}
