import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import common from "azure-iot-common"; // CommonJS whose names Node cannot see from outside.
import device from "azure-iot-device";
import transports from "azure-iot-device-mqtt";
import iothub from "azure-iothub";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";

/*
 * scripts/bench idle-wire [MINUTES]: what a board that has nothing to do costs the line. Counts the bytes that the agent and two bare
 * SDK clients (with the SDK's keepalive, and with the agent's) put on the wire over the same time, TLS included, and the
 * agent's metered operations.
 */

const minutes = Number(process.argv[2] ?? 60);
/** The SDK's own, and the agent's: without the second, the first would compare how often dead links are noticed. */
const keepalives = { sdk: 180, agent: 60 } as const;
const settleMs = 60_000;

interface Counted {
  readonly name: string;
  readonly server: Server;
  readonly port: number;
  bytes: number;
  connections: number;
}

const folder = await mkdtemp(join(tmpdir(), "boardkeeper-bench-"));
const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub") });
const ca = await readFile(hub.caFile, "utf8");
const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true }), () => hub.stop()];

try {
  await bench();
} finally {
  for (const stop of stops.reverse()) await stop();
}

async function bench(): Promise<void> {
  const counted = [
    await bareClient("bare SDK, keepalive 180 s", "bare-180", keepalives.sdk),
    await bareClient("bare SDK, keepalive 60 s", "bare-60", keepalives.agent),
    await agent(),
  ];
  await sleep(settleMs); // Connecting, the first twin and the first reports.
  const operationsAtFirst = await operations(); // Asked before and after the hour: the answer has bytes of its own.
  const atFirst = counted.map(({ bytes }) => bytes);
  await sleep(minutes * 60_000);
  const idle = counted.map(({ bytes }, index) => bytes - (atFirst[index] ?? 0));
  const operationsIdle = (await operations()) - operationsAtFirst;

  const [bare, alike, ours] = idle;
  for (const [index, { name, connections }] of counted.entries()) {
    print(name, `start ${atFirst[index]} B, then ${idle[index]} B in ${minutes} min, ${connections} connection(s)`);
  }
  print("agent / bare, keepalive 60 s", ratio(ours, alike));
  print("agent / bare, keepalive 180 s", ratio(ours, bare));
  print("agent's metered operations", `start ${operationsAtFirst}, then ${operationsIdle}`);
}

/** Between a client and the hub: passes everything on, and counts it. */
async function relay(name: string): Promise<Counted> {
  const server = createServer((near) => {
    counted.connections += 1;
    const far = connect(hub.ports.mqtt, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (piece: Buffer) => (counted.bytes += piece.length));
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const counted: Counted = { name, server, port: (server.address() as AddressInfo).port, bytes: 0, connections: 0 };
  stops.push(async () => void server.close());
  return counted;
}

async function throughRelay(deviceId: string, name: string): Promise<{ connectionString: string; counted: Counted }> {
  const counted = await relay(name);
  const through = `HostName=${hub.hubName};GatewayHostName=localhost:${counted.port}`;
  const connectionString = (await hub.addDevice(deviceId)).replace(/HostName=[^;]+/, through);
  return { connectionString, counted };
}

/** What the tutorial's device app does: connects, listens to a method and to desired properties. */
async function bareClient(name: string, deviceId: string, keepalive: number): Promise<Counted> {
  const { connectionString, counted } = await throughRelay(deviceId, name);
  const client = device.Client.fromConnectionString(connectionString, transports.Mqtt);
  client.setRetryPolicy(new common.NoRetry());
  await client.setOptions({ ca, keepalive });
  await client.open();
  client.onDeviceMethod("rebootDevice", (_request, response) => void response.send(200));
  const twin = await client.getTwin();
  twin.on("properties.desired", () => undefined);
  stops.push(async () => {
    await client.close();
  });
  return counted;
}

async function agent(): Promise<Counted> {
  const { connectionString, counted } = await throughRelay("board", "agent");
  const child = spawn(
    process.execPath,
    ["dist/boardkeeper-agent.mjs", "run", "--simulate", "--state-dir", join(folder, "board")],
    {
      env: {
        PATH: process.env["PATH"],
        IOTHUB_DEVICE_CONNECTION_STRING: connectionString,
        BOARDKEEPER_HUB_CA_FILE: hub.caFile,
      },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  stops.push(async () => void child.kill("SIGTERM"));
  return counted;
}

/** Twin reads, reports and messages since the agent's start, by its own count. */
async function operations(): Promise<number> {
  const client = iothub.Client.fromConnectionString(
    hub.serviceConnectionString().replace(/HostName=([^;:]+):\d+/, "HostName=$1"),
  );
  Reflect.get(client, "_restApiClient").setOptions({ http: { agent: hub.httpsAgent() } });
  const { result } = await client.invokeDeviceMethod("board", { methodName: "getStatus", payload: null });
  const { twinReads, reports, messages } = result.payload.link.metered;
  return twinReads + reports + messages;
}

function ratio(ours = 0, theirs = 0): string {
  return `${(ours / theirs).toFixed(2)} (goal 1.1)`;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(32)}${value}\n`);
}
