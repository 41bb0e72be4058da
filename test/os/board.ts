import { dirname } from "node:path";
import { inject, onTestFinished } from "vitest";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { testHub } from "../support/local-hub.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { boardkeeper } from "../support/tool-process.ts";
import type { Ended } from "../support/tool-process.ts";
import { ServiceApp } from "../support/service-app.ts";
import { Disk } from "./disk.ts";
import type { SystemName } from "./layers.ts";
import { Machine } from "./machine.ts";
import { prepare, provision } from "./provision.ts";

/**
 * In systemd-nspawn of systemd 252 a service with ProtectProc=, ProtectKernelTunables= or ProtectControlGroups= sees the
 * host's boot id, which no reboot of the container changes (on real boards, and with 257, it sees its own). So the container's
 * own is put over it, and nothing of the sandbox is taken away.
 */
const ownBootId = {
  "/etc/tmpfiles.d/boot-id.conf": "C /run/boot-id - - - - /proc/sys/kernel/random/boot_id\n",
  ...Object.fromEntries(
    ["boardkeeper-.service.d", "boardkeeper-install@.service.d"].map((folder) => [
      `/etc/systemd/system/${folder}/boot-id.conf`,
      "[Service]\nBindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id\n",
    ]),
  ),
  // They see nothing of /proc/sys.
  ...Object.fromEntries(
    ["unxz", "unzstd"].map((name) => [
      `/etc/systemd/system/boardkeeper-${name}@.service.d/boot-id.conf`,
      "[Service]\nBindReadOnlyPaths=\n",
    ]),
  ),
};

/** A bare machine of this test alone, on which nothing of ours was installed; it is off. */
export async function bareMachine(system: SystemName): Promise<Machine> {
  return await machineOver([inject("layers")[system].root]);
}

/** A machine of this test alone that has the package, and no connection string; it is off. */
export async function installedMachine(system: SystemName): Promise<Machine> {
  const { root, installed } = inject("layers")[system];
  const machine = await machineOver([root, installed]);
  if (system === "Debian 12") {
    for (const [path, text] of Object.entries(ownBootId)) await machine.disk.write(path, text);
  }
  return machine;
}

async function machineOver(below: readonly string[]): Promise<Machine> {
  const machine = new Machine(await Disk.over(below));
  await prepare(machine.disk);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(await lastWords(machine));
    await machine.discard();
  });
  return machine;
}

/** A board with a hub of its own: the machine, and both sides from which a service sees it. */
export interface Board {
  readonly machine: Machine;
  readonly hub: LocalHub;
  readonly deviceId: string;
  /** The hub as the service SDK sees it. */
  readonly service: ServiceApp;
  /** A command of the operator's CLI. */
  readonly cli: (...args: string[]) => Promise<Ended>;
}

/** Has the package, its connection string, and the hub's authority; it is off. */
export async function provisionedBoard(system: SystemName): Promise<Board> {
  const [machine, folder] = [await installedMachine(system), await temporaryFolder()];
  const deviceId = "board-1";
  const hub = await testHub({ folder: `${folder}/hub` });
  await provision(machine.disk, await hub.addDevice(deviceId), hub.ca);
  return {
    machine,
    hub,
    deviceId,
    service: new ServiceApp(hub, deviceId),
    cli: async (...args) => await boardkeeper(dirname(`${folder}/hub`), ...args),
  };
}

async function lastWords(machine: Machine): Promise<string> {
  if (!machine.isOn || machine.boots.length === 0) return machine.console;
  return (await machine.run("journalctl", "-b", "-n", "60", "-o", "short-monotonic", "--no-pager")).stdout;
}
