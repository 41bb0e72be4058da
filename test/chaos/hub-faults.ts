import { setTimeout as pause } from "node:timers/promises";
import type { Timer } from "../../agent/lib/clock.ts";
import type { HubTimeouts } from "../../agent/hub/azure-connection.ts";
import { faultNames, faultKind } from "../../service-tools/local-hub/faults/catalog.ts";
import type { FaultName } from "../../service-tools/local-hub/faults/catalog.ts";
import type { Fault } from "../../service-tools/local-hub/faults/fault.ts";
import type { Endpoint } from "../../service-tools/local-hub/faults/fault-kind.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import type { Transport } from "../support/azure-sdk.ts";
import { imageServer, serving, testImage } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { overriding } from "../support/overriding.ts";
import { TestBoard } from "../support/test-board.ts";
import { at, canonical } from "../support/paths.ts";
import { ServiceApp } from "../support/service-app.ts";

/** A fault of the hub as it is rehearsed with, beside its defaults. */
export interface HubFault {
  readonly name: FaultName;
  readonly parameters?: Readonly<Record<string, number | string>>;
}

/** Twenty times as impatient as a real board, and as quick to notice that nothing comes any more. */
const haste = 20;
export const acceleratedTimer = (timer: Timer): Timer => ({
  after: (delayMs, signal) => timer.after(delayMs / haste, signal),
});
export const shortTimeouts: HubTimeouts = {
  openMs: 2_000,
  listenMs: 1_000,
  twinMs: 1_000,
  reportMs: 1_000,
  lastRepliesMs: 200,
  closeMs: 200,
  keepaliveSeconds: 1,
};

/** Most of a rehearsal is waiting. */
const atOnce = 6;
/** How long a fault may take to show, and a board to come back: bounds for a test that fails, nothing is measured by them. */
const showMs = 4_000;
const recoverMs = 40_000;
/** How long one call of a service may take: longer than the shortest wait for a device's answer. */
const callMs = 7_000;
/** The shortest time that a hub lets a caller wait for a device's answer. */
const shortestS = 5;

/** No board sends anything that is acknowledged. */
const notOfAnyBoard: FaultName = "puback-lost";

/** Every fault that can come between a board and its hub, and each way of those that have several. */
export function faultsOfBoards(): HubFault[] {
  return faultNames()
    .filter((name) => faultKind(name).on.includes("mqtt") && name !== notOfAnyBoard)
    .flatMap((name): HubFault[] => {
      const words = Object.entries(faultKind(name).parameters).flatMap(([key, parameter]) =>
        "words" in parameter ? parameter.words.slice(1).map((word) => ({ [key]: word })) : [],
      );
      const others = words.map((parameters): HubFault => ({ name, parameters }));
      return [{ name } as HubFault].concat(others);
    });
}

function nameOf({ name, parameters = {} }: HubFault): string {
  return [name, ...Object.values(parameters)].join(" ");
}

/**
 * Has a board reboot and update itself while these faults are on, takes them away, and says what was wrong afterwards:
 * "recovered" when nothing was.
 */
async function runWithFaults(faults: readonly HubFault[], transport: Transport): Promise<string> {
  const hub = await testHub();
  try {
    return await runOnHub(hub, faults, transport);
  } finally {
    await hub.stop();
  }
}

async function runOnHub(hub: LocalHub, faults: readonly HubFault[], transport: Transport): Promise<string> {
  const image = testImage(20_000);
  const server = await imageServer(serving(image));
  const installs: string[] = [];
  const board = await TestBoard.start(hub, {
    transport,
    imageCa: `${hub.ca}\n${server.ca}`,
    timer: acceleratedTimer,
    timeouts: shortTimeouts,
    installer: (installer) =>
      overriding(installer, {
        install: async (staged, signal) => {
          installs.push(staged.operationId);
          await installer.install(staged, signal);
        },
      }),
  });
  try {
    const service = new ServiceApp(hub);
    await service.untilReported("boardkeeper.update.phase", "idle");
    const before = board.attempts;
    const added = addTo(hub, faults, transport);
    const isUpdated = async (): Promise<boolean> => (await board.saved())?.update.phase === "completed";

    // An operator who wants a reboot, and asks again with the same name until it is granted.
    const rebooted = untilItSucceeds(async () => {
      const { status } = await service.callMethod("rebootDevice", { operationId: "reboot-1" }, shortestS);
      if (status !== 200) throw new Error(`refused: ${status}`);
    });
    const firmware = {
      fwVersion: "2.0.0",
      fwPackageURI: `${server.origin}/board.img`,
      fwPackageCheckValue: image.sha256,
      operationId: "update-1",
    };
    const declared = untilItSucceeds(() => service.setDesired({ firmware }));
    const shown = Promise.all(added.map((fault) => fault.waitForHits()));
    await Promise.race([shown, pause(showMs)]).catch(() => undefined); // Some pairs keep each other from showing.
    await eventually(async () => board.attempts >= before + 2 || (await isUpdated()), showMs);
    await hub.faults.clear();

    await Promise.all([rebooted, declared]);
    await untilItSucceeds(() => service.setDesired({ probe: 1 })); // A notification that was lost shows by the next one.
    return await checkRecovered(board, service, installs, isUpdated);
  } finally {
    await hub.faults.clear();
    await board.powerOff();
    server.stop();
  }
}

/** The faults, and a cut after them where they show when a connection is made. */
function addTo(hub: LocalHub, faults: readonly HubFault[], transport: Transport): Fault[] {
  const on: Endpoint = transport === "MQTT" ? "mqtt" : "websockets";
  // Services share their port with WebSockets, and their SDK does not survive what a board has to.
  const whom = (name: FaultName): object =>
    on === "websockets" && faultKind(name).forOne ? { deviceId: "board-1" } : {};
  const added = faults.map(({ name, parameters = {} }) =>
    hub.faults.addUntyped(name, parameters, { on: [on], ...whom(name) }),
  );
  const showsInPassing = ({ name }: HubFault): boolean => /^(desired|method)-/.test(name);
  if (!faults.every(showsInPassing)) hub.faults.add("close", {}, { on: [on], deviceId: "board-1" });
  return added;
}

async function checkRecovered(
  board: TestBoard,
  service: ServiceApp,
  installs: readonly string[],
  isUpdated: () => Promise<boolean>,
): Promise<string> {
  if (!(await eventually(isUpdated, recoverMs))) return `not updated: ${JSON.stringify((await board.saved())?.update)}`;
  const cameBack = async (): Promise<boolean> => (await board.saved())?.reboot.phase === "proven";
  if (!(await eventually(cameBack, recoverMs))) return `reboot ${(await board.saved())?.reboot.phase}`;
  let seen = "";
  const agrees = await eventually(async () => {
    const { payload } = await service.callMethod("getStatus");
    const { Response: _said, link: _link, ...state } = payload;
    const { reported } = (await service.twin()).properties;
    const { boardkeeper, firmwareStatus } = structuredClone(reported) as Record<string, unknown>;
    seen = JSON.stringify({ state, boardkeeper, firmwareStatus });
    return (
      firmwareStatus === "completed" &&
      at(reported, "iothubDM.firmwareUpdate.status") === "applyComplete" &&
      at(reported, "firmware.fwUpdateStatus") === "current" &&
      canonical(state) === canonical(boardkeeper)
    );
  }, recoverMs);
  if (!agrees) return `twin and board disagree: ${seen}`;
  if (installs.join() !== "update-1") return `installed more or less than once: ${installs.join()}`;
  // The update's own reboot may have fulfilled the one that was asked for.
  const { operations } = (await board.saved()) ?? {};
  if (board.boots < 2 || board.boots > 3) return `${board.boots} boots`;
  const asked = operations?.filter(({ operationId }) => operationId === "reboot-1") ?? [];
  return asked.length === 1 ? "recovered" : `the reboot was taken ${asked.length} times`;
}

/** Rehearses many, a few at a time. Answers those after which something was wrong, with what it was. */
export async function findUnrecovered(
  rehearsals: readonly (readonly HubFault[])[],
  transport: Transport,
): Promise<string[]> {
  const waiting = [...rehearsals];
  const wrong: string[] = [];
  const work = async (): Promise<void> => {
    for (let faults = waiting.shift(); faults !== undefined; faults = waiting.shift()) {
      const outcome = await runWithFaults(faults, transport);
      if (outcome !== "recovered") wrong.push(`${faults.map(nameOf).join(" and ")}: ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return wrong;
}

/** Repeats a call until it succeeds: the service meets the same faults as the board, where they share a port. */
async function untilItSucceeds(call: () => Promise<unknown>): Promise<void> {
  await eventually(async () => {
    await call();
    return true;
  }, recoverMs);
}

/** True as soon as a test is met; false when it was not in time. What it throws counts as not yet. */
async function eventually(test: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const over = AbortSignal.timeout(withinMs);
  while (!over.aborted) {
    // A service's call may never settle either: its SDK has no deadline.
    if (await Promise.race([test().catch(() => false), pause(callMs, false)])) return true;
    await pause(20);
  }
  return false;
}
