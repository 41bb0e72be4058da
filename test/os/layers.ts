import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { Disk } from "./disk.ts";
import { Machine } from "./machine.ts";

/* Done once before all tests of the rig: the package is installed on each Debian, so that tests begin with a board that has it. */

/** The systems that are tried, and which build of the package each takes. */
export const systems = {
  "Debian 12": { root: "RIG_BOOKWORM", architecture: "amd64" },
  "Debian 13": { root: "RIG_TRIXIE", architecture: "all" },
} as const;
export type SystemName = keyof typeof systems;
export const systemNames = Object.keys(systems) as SystemName[];

export interface Layers {
  /** The bare system. */
  readonly root: string;
  /** What installing the package has added. */
  readonly installed: string;
}

declare module "vitest" {
  interface ProvidedContext {
    layers: Record<SystemName, Layers>;
  }
}

export const packagesFolder = "dist/packages";

/** The package that a system takes, as scripts/package has made it. */
export function packageFor(system: SystemName): string {
  return packageIn(packagesFolder, system);
}

function packageIn(folder: string, system: SystemName): string {
  const ending = `_${systems[system].architecture}.deb`;
  const file = readdirSync(folder).find((name) => name.endsWith(ending));
  if (file === undefined) throw new Error(`There is no ${folder}/*${ending}: run scripts/package first.`);
  return resolve(folder, file);
}

/** What boards have at first: the packages in the folder that FORMER_PACKAGES names, of a release before, or those of this one. */
export function firstPackage(system: SystemName): string {
  const folder = process.env["FORMER_PACKAGES"];
  return folder === undefined ? packageFor(system) : packageIn(folder, system);
}

export function bareRoot(system: SystemName): string {
  const root = process.env[systems[system].root];
  if (root === undefined) throw new Error("The rig has no root file systems: start it with scripts/test-os.");
  return root;
}

/** Called by vitest. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const machines: Machine[] = [];
  const layers = await Promise.all(
    systemNames.map(async (system) => {
      const root = bareRoot(system);
      const machine = new Machine(await Disk.over([root]));
      machines.push(machine);
      await machine.powerOn();
      await machine.installPackage(firstPackage(system));
      await machine.powerOff();
      return [system, { root, installed: machine.disk.upper }] as const;
    }),
  );
  project.provide("layers", Object.fromEntries(layers) as Record<SystemName, Layers>);
  return async () => {
    await Promise.all(machines.map((machine) => machine.discard()));
  };
}
