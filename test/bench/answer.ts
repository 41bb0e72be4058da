import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import { AgentProcess } from "./agent-process.ts";
import { against, median, share, table } from "./figures.ts";
import { makeImage, serveFolder } from "./image-site.ts";
import type { SiteImage } from "./image-site.ts";
import { ServiceApp } from "./service-app.ts";

/*
 * scripts/bench answer [MiB]: how long a service app waits for the answer to a direct method, and for the first report after
 * it, of the agent and of a bare SDK script; idle, and while the agent downloads. In turns, so that what else the machine
 * does meets all of them alike.
 */

const sizeMiB = Number(process.argv[2] ?? 512);
const turns = 6;
const callsPerTurn = 150;
const updatesPerTurn = 10;
const pauseMs = 10;
const settleMs = 10_000;

const folder = await mkdtemp(join(process.env["BOARDKEEPER_BENCH_FOLDER"] ?? "/var/tmp", "boardkeeper-bench-"));
const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub") });
const apps = { agent: new ServiceApp(hub, "agent"), bare: new ServiceApp(hub, "bare") } as const;
type Device = keyof typeof apps;

/** In milliseconds, of each device. */
type Waits = Readonly<Record<Device, number[]>>;
const noWaits = (): Waits => ({ agent: [], bare: [] });
const [idle, beside, orders, reports] = [noWaits(), noWaits(), noWaits(), noWaits()];
/** The bare SDK's, with the agent's whole answer instead of a word: what carrying and reading it takes. */
const sameAnswer: number[] = [];

try {
  await bench();
  print();
} finally {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const root = join(folder, "site");
  await mkdir(root);
  const image = await makeImage(join(root, "image.img"), sizeMiB, "random");
  const site = await serveFolder(hub, root, join(folder, "nginx"));
  const connectionString = await hub.addDevice("agent");
  const agent = await AgentProcess.start({ connectionString, caFile: hub.caFile, stateDir: join(folder, "board") });
  await sleep(settleMs);
  const bare = await startBare(await hub.addDevice("bare"), await apps.agent.call("getStatus"));
  try {
    for (let turn = 0; turn < turns; turn += 1) {
      const inTurn = turn % 2 === 0 ? (["agent", "bare"] as const) : (["bare", "agent"] as const);
      await agent.withLogUnread(async () => await answers(inTurn));
      for (let count = 0; count < updatesPerTurn; count += 1) for (const device of inTurn) await order(device);
      await answersBesideDownload(agent, site.origin, image);
    }
  } finally {
    bare.kill("SIGTERM");
    await agent.stop();
    await site.stop();
  }
}

async function answers(inTurn: readonly Device[]): Promise<void> {
  for (let count = 0; count < callsPerTurn; count += 1) {
    for (const device of inTurn) idle[device].push(await answer(device));
    sameAnswer.push(await answer("bare", "getSameStatus"));
  }
}

/** One call of `getStatus`, in milliseconds. */
async function answer(device: Device, method = "getStatus"): Promise<number> {
  await sleep(pauseMs);
  const began = performance.now();
  await apps[device].call(method);
  return performance.now() - began;
}

/** From a call of `firmwareUpdate` until its answer, and until the twin holds another report; the agent's is a rehearsal. */
async function order(device: Device): Promise<void> {
  const app = apps[device];
  await sleep(pauseMs);
  const before = (await app.reported())["$version"];
  const began = performance.now();
  const answered = app
    .call("firmwareUpdate", { fwPackageUri: "test.com", apply: "manual" })
    .then(() => orders[device].push(performance.now() - began));
  while ((await app.reported())["$version"] === before);
  reports[device].push(performance.now() - began);
  await answered;
  if (device === "agent") {
    await phase("staged"); // A dry run without pauses reaches the phase where it waits for approval.
    await cancel();
  }
}

/** Answers of both devices while the agent downloads one image: what the machine costs them, and what the download does. */
async function answersBesideDownload(agent: AgentProcess, origin: string, image: SiteImage): Promise<void> {
  let isOver = false;
  const fetched = agent.says(({ msg }) => msg === "image downloaded");
  const staged = agent.enters("staged").finally(() => (isOver = true));
  await apps.agent.call("firmwareUpdate", {
    fwPackageUri: `${origin}/image.img`,
    fwPackageCheckValue: image.sha256,
    fwVersion: "2.0.0",
    apply: "manual",
  });
  for (;;) {
    for (const device of ["agent", "bare"] as const) beside[device].push(await answer(device));
    if (isOver) break;
  }
  await staged;
  const { fromNetwork } = await fetched;
  if (fromNetwork !== image.bytes) throw new Error(`Only ${String(fromNetwork)} bytes came from the server.`);
  await cancel();
}

async function cancel(): Promise<void> {
  await apps.agent.call("cancelFirmwareUpdate");
  await phase("cancelled");
}

async function phase(wanted: string): Promise<void> {
  while ((await apps.agent.reported())["boardkeeper"].update.phase !== wanted) await sleep(pauseMs);
}

/** @param status what it answers to `getSameStatus` */
async function startBare(connectionString: string, status: object): Promise<ChildProcess> {
  const bare = spawn(process.execPath, ["dist/bench/bare-device.js"], {
    env: {
      PATH: process.env["PATH"],
      IOTHUB_DEVICE_CONNECTION_STRING: connectionString,
      BOARDKEEPER_HUB_CA_FILE: hub.caFile,
      BENCH_STATUS: JSON.stringify(status),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (bare.stdout === null) throw new Error("The bare device was started without a pipe.");
  const ended = once(bare, "exit").then(() => {
    throw new Error("The bare device ended before it was ready.");
  });
  ended.catch(() => undefined); // It ends in the end.
  await Promise.race([once(bare.stdout, "data"), ended]); // It says "ready".
  return bare;
}

function print(): void {
  const head = ["", "calls", "median, ms", "90 %", "99 %", "longest"];
  const row = (name: string, waits: readonly number[]): string[] => [
    name,
    String(waits.length),
    ...[0.5, 0.9, 0.99, 1].map((part) => share(waits, part).toFixed(1)),
  ];
  const rows = (name: string, { agent, bare }: Waits): string[][] => [
    row(`${name}: agent`, agent),
    row(`${name}: bare SDK`, bare),
  ];
  const text = table(head, [
    ...rows("`getStatus` to its answer, idle", idle),
    row("the same, with the agent's answer: bare SDK", sameAnswer),
    ...rows(`\`getStatus\` to its answer, while the agent downloads ${sizeMiB} MiB`, beside),
    ...rows("`firmwareUpdate` to its answer", orders),
    ...rows("`firmwareUpdate` to the first report", reports),
  ]);
  const p99 = (waits: readonly number[]): number => share(waits, 0.99);
  process.stdout.write(`${text}
Answer, idle, agent / bare SDK: ${against(median(idle.agent) / median(idle.bare), 1.2)}.
Answer, idle, agent / bare SDK with the same answer: ${(median(idle.agent) / median(sameAnswer)).toFixed(2)}.
99 % of the agent's answers, downloading / idle: ${against(p99(beside.agent) / p99(idle.agent), 2)}.
99 % of the bare SDK's answers beside that download / idle: ${(p99(beside.bare) / p99(idle.bare)).toFixed(2)}.
Answer to firmwareUpdate, agent / bare SDK: ${(median(orders.agent) / median(orders.bare)).toFixed(2)}.
First report, agent / bare SDK: ${(median(reports.agent) / median(reports.bare)).toFixed(2)}.
`);
}
