import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Registry } from "azure-iothub";
import iothub from "azure-iothub"; // CommonJS whose names Node cannot see from outside.
import { loadCredentials } from "../../service-tools/local-hub/tls/credentials.ts";
import { startLocalHub } from "../../service-tools/local-hub/hub.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";

/*
 * scripts/bench update [MiB]: one real update of a large image, over the local hub and loopback HTTPS. Prints the agent's
 * idle and peak resident memory, and how long direct methods took while it downloaded.
 */

const MiB = 2 ** 20;
const sizeMiB = Number(process.argv[2] ?? 1_024);
const folder = await mkdtemp(join(tmpdir(), "boardkeeper-bench-"));
const hub = await startLocalHub({ folder: join(folder, "hub") });
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
  const device = await hub.addDevice("bench");
  const agent = spawn(
    process.execPath,
    ["dist/boardkeeper-agent.mjs", "run", "--simulate", "--state-dir", join(folder, "board")],
    {
      env: {
        PATH: process.env["PATH"],
        IOTHUB_DEVICE_CONNECTION_STRING: device,
        BOARDKEEPER_HUB_CA_FILE: hub.caFile,
        BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "0",
        BOARDKEEPER_SIMULATION_BOOT_SECONDS: "0",
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const { registry, client } = service(hub);
  try {
    const pid = await pidOf(agent);
    await sleep(15_000); // Idle is what remains after start-up, when V8 has given back what starting took.
    const idle = await memory(pid, "VmRSS");
    await writeFile(`/proc/${pid}/clear_refs`, "5"); // The peak is counted from here.
    const idleMs = await answers(client, async (count) => count >= 50);

    await call(client, "firmwareUpdate", {
      fwPackageUri: `https://localhost:${port}/image`,
      fwPackageCheckValue: digest(),
      fwVersion: "2.0.0",
    });
    const began = performance.now();
    let downloadMs = 0;
    let peak = 0;
    const busyMs = await answers(client, async () => {
      peak = Math.max(peak, await memory(pid, "VmHWM").catch(() => 0)); // The simulated reboot ends the process.
      const phase = await phaseOf(registry);
      if (phase !== "downloading" && phase !== "accepted" && downloadMs === 0) downloadMs = performance.now() - began;
      return ["rebooting", "proving", "completed"].includes(phase);
    });
    while ((await phaseOf(registry)) !== "completed") await sleep(100);

    print("image", `${sizeMiB} MiB, downloaded in ${(downloadMs / 1_000).toFixed(1)} s`);
    print("idle RSS", `${(idle / MiB).toFixed(1)} MiB`);
    print(
      "peak RSS during the update",
      `${(peak / MiB).toFixed(1)} MiB (+${((peak - idle) / MiB).toFixed(1)}, goal +32)`,
    );
    print("method answers, idle", spread(idleMs));
    print("method answers, updating", `${spread(busyMs)} (goal 250)`);
  } finally {
    agent.kill("SIGTERM");
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

function service(of: LocalHub): { registry: Registry; client: Client } {
  const text = of.serviceConnectionString().replace(/HostName=([^;:]+):\d+/, "HostName=$1");
  const registry = iothub.Registry.fromConnectionString(text);
  const client = iothub.Client.fromConnectionString(text);
  const agent = of.httpsAgent();
  for (const one of [registry, client]) Reflect.get(one, "_restApiClient").setOptions({ http: { agent } });
  return { registry, client };
}

/** The agent's own process, once it is connected: the one that it logs. */
async function pidOf(agent: ReturnType<typeof spawn>): Promise<number> {
  let pid = 0;
  let rest = "";
  for await (const text of agent.stdout?.setEncoding("utf8") ?? []) {
    const lines = (rest + String(text)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const entry = JSON.parse(line) as { msg: string; pid?: number };
      if (entry.pid !== undefined) ({ pid } = entry);
      if (entry.msg !== "connected to the hub") continue;
      agent.stdout?.resume();
      return pid;
    }
  }
  throw new Error("The agent ended before it was connected.");
}

async function call(client: Client, methodName: string, payload: unknown): Promise<void> {
  await client.invokeDeviceMethod("bench", { methodName, payload, responseTimeoutInSeconds: 30 });
}

/** Calls a method ten times a second until there is enough; answers how long each took, in milliseconds. */
async function answers(client: Client, isEnough: (count: number) => Promise<boolean>): Promise<number[]> {
  const took: number[] = [];
  while (!(await isEnough(took.length))) {
    const began = performance.now();
    await call(client, "getStatus", null);
    took.push(performance.now() - began);
    await sleep(100);
  }
  return took.sort((a, b) => a - b);
}

async function phaseOf(registry: Registry): Promise<string> {
  const { responseBody } = await registry.getTwin("bench");
  return responseBody.properties.reported["boardkeeper"].update.phase;
}

async function memory(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1_024;
}

function spread(took: number[]): string {
  const share = (part: number): string =>
    (took[Math.min(took.length - 1, Math.floor(part * took.length))] ?? 0).toFixed(0);
  return `${took.length} calls: median ${share(0.5)} ms, 99 % ${share(0.99)} ms, longest ${share(1)} ms`;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(28)}${value}\n`);
}
