import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isJsonObject } from "../../agent/contract/json.ts";
import { randomFault, faultNames, faultKind } from "../../service-tools/local-hub/faults/catalog.ts";
import type { FaultName } from "../../service-tools/local-hub/faults/catalog.ts";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import { publishImage } from "../../service-tools/images/publish.ts";
import { at, canonical } from "../support/paths.ts";
import { randomFrom } from "../support/random.ts";
import { ChaosBoard } from "./board.ts";
import { Operator } from "./operator.ts";
import type { Operation } from "./operator.ts";

/*
 * scripts/chaos MINUTES [--seed N]: two boards on a hub that draws faults at random. One is rebooted and updated all the
 * time, loses its power and has its agent killed; the other only answers, and its memory is measured. At the end the
 * faults go away, and everything is compared.
 */

const { values, positionals } = parseArgs({ options: { seed: { type: "string" } }, allowPositionals: true });
const minutes = Number(positionals[0] ?? "30");
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write("Usage: scripts/chaos MINUTES [--seed N]\n");
  process.exit(64);
}

const MiB = 2 ** 20;
const mostGrowthMiB = 5;
/** A run this long has time for boards that wait minutes by design: for credentials, certificates and quotas. */
const isLong = minutes >= 5;
const slowToForgive = new Set<FaultName>(["connack-refused", "certificate", "quota-exhausted"]);
const recoveryMs = isLong ? 20 * 60_000 : 90_000;
/** So many are asked for however short the night is. */
const leastOperations = 2;
/** V8 grows for a while whatever it runs. */
const warmUpMs = isLong ? 2 * 60_000 : 5_000;

const random = randomFrom(seed);
const between = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
const folder = await mkdtemp(join(tmpdir(), "boardkeeper-chaos-"));
const hub = await startLocalHub({ startImages: startImageServer, folder: join(folder, "hub"), random });
const wrong: string[] = [];
const boards: ChaosBoard[] = [];
const over = new AbortController();
let faultsOn = 0;

process.stdout.write(`chaos: ${minutes} min, seed ${seed}\n`);
try {
  await run();
} finally {
  for (const board of boards) board.stop();
  await hub.stop();
}
if (wrong.length > 0) process.stdout.write(`The boards' logs are in ${folder}\n`);
else await rm(folder, { recursive: true, force: true });
process.exit(wrong.length > 0 ? 1 : 0);

async function run(): Promise<void> {
  const began = performance.now();
  const [restless, steady] = await startWithoutNetwork();
  const operator = new Operator(hub, restless.deviceId);
  const visitor = new Operator(hub, steady.deviceId);
  const names = faultNames().filter((name) => isLong || !slowToForgive.has(name));
  let heldBefore = 0;
  const measured = pause(warmUpMs).then(async () => (heldBefore = await steady.heldBytes()));

  const counts = { granted: 0, refused: 0 };
  const working = [
    drawFaults(names),
    disturb(restless),
    drive(restless, operator, counts),
    keepAsking(visitor),
    measured,
  ];
  await pause(minutes * 60_000);
  over.abort();
  await hub.faults.clear();
  const endedMs = performance.now();
  const late = pause(recoveryMs).then(() => "late");
  if ((await Promise.race([Promise.all(working), late])) === "late") wrong.push("an operation never came to an end");

  for (const [board, view] of [
    [restless, operator],
    [steady, visitor],
  ] as const) {
    if (!(await agrees(board, view))) wrong.push(`${board.deviceId}: its twin and the board disagree`);
    wrong.push(...view.violations, ...board.fatal);
  }
  const recoveredS = (performance.now() - endedMs) / 1_000;
  for (const [operation, times] of restless.applied) {
    if (times > 1) wrong.push(`${operation} was applied ${times} times`);
  }
  const current = at(await operator.reported(), "boardkeeper.firmwareVersion");
  const runs = await restless.runningVersion();
  if (current !== runs) wrong.push(`the twin says ${JSON.stringify(current)}, the boot loader runs ${runs}`);
  const growth = ((await steady.heldBytes()) - heldBefore) / MiB;
  if (isLong && growth > mostGrowthMiB)
    wrong.push(`the steady agent holds ${growth.toFixed(1)} MiB more than after its warm-up`);

  const outcomes = [...operator.outcomes.values()];
  const tally = [...new Set(outcomes)].sort().map((end) => `${end} ${outcomes.filter((one) => one === end).length}`);
  const struck = hub.faults.list().length;
  print("ran", `${((performance.now() - began) / 60_000).toFixed(1)} min, ${faultsOn} faults (${struck} still listed)`);
  print("operations", `${counts.granted} granted, ${counts.refused} refused; ${tally.join(", ")}`);
  print("restless board", `${restless.boots} boots, ${restless.agents} agents, ${restless.connections} connections`);
  print("steady board", `${steady.agents} agent(s), ${steady.connections} connections`);
  print("in order again after", `${recoveredS.toFixed(1)} s`);
  print(
    "held after collection",
    `${(heldBefore / MiB).toFixed(1)} MiB, ${growth >= 0 ? "+" : ""}${growth.toFixed(1)} MiB (goal +${mostGrowthMiB}${isLong ? "" : ", of longer runs"})`,
  );
  if (counts.granted !== operator.outcomes.size)
    wrong.push(`${counts.granted} operations granted, ${operator.outcomes.size} ended`);
  for (const one of wrong) print("WRONG", one);
  print("result", wrong.length === 0 ? "every operation has one end, and the twins are right" : "see above");
}

/** Both boards start before their hub can be reached. */
async function startWithoutNetwork(): Promise<[ChaosBoard, ChaosBoard]> {
  const away = hub.faults.add("refuse", {}, { on: ["mqtt"] });
  const made = await Promise.all(
    ["restless", "steady"].map(async (deviceId) => {
      const env = {
        IOTHUB_DEVICE_CONNECTION_STRING: await hub.addDevice(deviceId),
        BOARDKEEPER_HUB_CA_FILE: hub.caFile,
      };
      const board = new ChaosBoard(deviceId, folder, env);
      boards.push(board);
      return board;
    }),
  );
  await pause(3_000);
  await away.end();
  const back = performance.now();
  await Promise.all(made.map((board) => board.connected()));
  print("started with no network", `connected ${((performance.now() - back) / 1_000).toFixed(1)} s after it came`);
  const [restless, steady] = made;
  if (restless === undefined || steady === undefined) throw new Error("There are two boards.");
  return [restless, steady];
}

/** One fault after another, now and then two at once, each for a while. */
async function drawFaults(names: readonly FaultName[]): Promise<void> {
  while (!over.signal.aborted) {
    for (let left = random() < 0.3 ? 2 : 1; left > 0; left -= 1) {
      const { name, parameters } = randomFault(random, names);
      const { acts, forOne } = faultKind(name);
      // Half of those that can be for one board are: the other's life must go on.
      const whom = forOne && random() < 0.5 ? { deviceId: random() < 0.5 ? "restless" : "steady" } : {};
      hub.faults.addUntyped(name, parameters, acts === "now" ? whom : { ...whom, forMs: between(300, 8_000) });
      faultsOn += 1;
    }
    await pause(between(300, 4_000));
  }
}

/** Power cuts and kills. */
async function disturb(board: ChaosBoard): Promise<void> {
  while (!over.signal.aborted) {
    await pause(between(4_000, 25_000));
    if (over.signal.aborted) return;
    if (random() < 0.5) board.pullPlug();
    else board.killAgent();
  }
}

/** Asks for one reboot or update after another, each under its name until it is answered, and waits for each end. */
async function drive(
  board: ChaosBoard,
  operator: Operator,
  counts: { granted: number; refused: number },
): Promise<void> {
  const isEnough = (number: number): boolean => over.signal.aborted && number > leastOperations;
  for (let number = 1; !isEnough(number); number += 1) {
    const operation = random() < 0.4 ? reboot(number) : await update(number);
    const status = await operator.ask(operation, () => isEnough(number));
    if (status === 200) {
      counts.granted += 1;
      if (operation.kind === "update" && random() < 0.2) {
        await pause(between(0, 400));
        await operator.method("cancelFirmwareUpdate", { operationId: operation.operationId });
      }
      await operator.follow(operation, () => false);
    } else if (status !== 0) {
      counts.refused += 1;
    }
    if (board.fatal.length > 0) return;
  }
}

function reboot(number: number): Operation {
  const operationId = `reboot-${number}`;
  const delaySeconds = random() < 0.5 ? 0 : between(1, 3);
  return { operationId, kind: "reboot", method: "rebootDevice", payload: { operationId, delaySeconds } };
}

/** A good image, and every fifth time one whose digest is wrong: that one has to fail. */
async function update(number: number): Promise<Operation> {
  const operationId = `update-${number}`;
  const file = join(folder, "image");
  const content = randomBytes(between(1_000, 2_000_000));
  await writeFile(file, content);
  const { url } = await publishImage(hub.folder, hub.imagesUrl, file);
  const asked = random() < 0.2 ? randomBytes(32) : createHash("sha256").update(content).digest();
  const payload = {
    operationId,
    fwPackageUri: url,
    fwPackageCheckValue: asked.toString("hex"),
    fwVersion: `2.0.${number}`,
  };
  return { operationId, kind: "update", method: "firmwareUpdate", payload };
}

/** A board whose life is answering, and hearing of desired properties that are none of its business. */
async function keepAsking(visitor: Operator): Promise<void> {
  for (let probe = 1; !over.signal.aborted; probe += 1) {
    await visitor.method("getStatus", null);
    if (probe % 5 === 0) await visitor.desire({ probe });
    await pause(1_000);
  }
}

/** True as soon as the twin holds what the board says of itself. */
async function agrees(board: ChaosBoard, view: Operator): Promise<boolean> {
  for (const until = performance.now() + recoveryMs; performance.now() < until;) {
    const reply = await view.method("getStatus", null);
    const payload = reply?.["payload"];
    if (isJsonObject(payload)) {
      const { Response: _said, link: _link, ...state } = payload;
      const reported = at(await view.reported(), "boardkeeper");
      if (canonical(state) === canonical(reported)) return true;
    }
    await pause(500);
  }
  process.stdout.write(`${board.deviceId} does not agree with its twin\n`);
  return false;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(26)}${value}\n`);
}
