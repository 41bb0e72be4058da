import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { deviceConnectionString, serviceConnectionString } from "../auth/shared-access.ts";
import type { Policies } from "../auth/shared-access.ts";
import { fileNameOf } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import { makePrivateFolder, removeDurably, removeTemporaryFiles, writeAtomically } from "./atomic-file.ts";
import { CoalescingFile } from "./coalescing-file.ts";
import type { HubPorts } from "./persisted-settings.ts";

const CONTEXT_VERSION = 1;

/** The registered devices and modules, as far as their context files need them. The registry implements it. */
export interface RegisteredTargets {
  targets(): Target[];
  /** Undefined when there is no such device or module, or when it has no key. */
  primaryKey(target: Target): string | undefined;
}

/**
 * The files in which other programs find how to connect: `context.json` for operators, and one file for each device and
 * module. The hub rewrites them when identities change; nobody edits them.
 */
export class ContextFiles {
  readonly #folder: string;
  readonly #caFile: string;
  readonly #ports: HubPorts & { readonly control: number };
  readonly #registered: RegisteredTargets;
  readonly #files = new Map<string, CoalescingFile>();

  constructor(
    folder: string,
    caFile: string,
    ports: HubPorts & { readonly control: number },
    registered: RegisteredTargets,
  ) {
    this.#folder = folder;
    this.#caFile = caFile;
    this.#ports = ports;
    this.#registered = registered;
  }

  /** Writes all of them, since ports may have changed, and removes those of identities that are gone. */
  async writeAll(policies: Policies): Promise<void> {
    const { mqtt, https, images, control } = this.#ports;
    const connectionString = serviceConnectionString(
      `localhost:${https}`,
      "iothubowner",
      policies.iothubowner.primaryKey,
    );
    const context = {
      version: CONTEXT_VERSION,
      connectionString,
      caFile: this.#caFile,
      mqttPort: mqtt,
      httpsPort: https,
      controlPort: control,
      imagesUrl: `https://localhost:${images}/`,
    };
    await writeAtomically(join(this.#folder, "context.json"), pretty(context));
    const targets = this.#registered.targets();
    await this.#removeOthers(new Set(targets.map((target) => `${fileNameOf(target)}.json`)));
    await Promise.all(targets.map((target) => this.update(target)));
  }

  /** Brings the file of one identity up to date: written, rewritten or removed. */
  async update(target: Target): Promise<void> {
    const path = join(this.#devicesFolder(), `${fileNameOf(target)}.json`);
    const file = this.#files.get(path) ?? new CoalescingFile(path);
    this.#files.set(path, file);
    await file.save(() => this.#render(target));
  }

  #render(target: Target): string | undefined {
    const key = this.#registered.primaryKey(target);
    if (key === undefined) return undefined;
    const { mqtt, https } = this.#ports;
    return pretty({
      version: CONTEXT_VERSION,
      deviceId: target.deviceId,
      ...(target.moduleId === undefined ? {} : { moduleId: target.moduleId }),
      connectionString: deviceConnectionString(`localhost:${mqtt}`, target, key),
      webSocketPort: https,
      caFile: this.#caFile,
    });
  }

  async #removeOthers(wanted: ReadonlySet<string>): Promise<void> {
    const folder = this.#devicesFolder();
    await makePrivateFolder(folder);
    await removeTemporaryFiles(folder);
    const names = await readdir(folder);
    const others = names.filter((name) => name.endsWith(".json") && !wanted.has(name));
    await Promise.all(others.map((name) => removeDurably(join(folder, name))));
  }

  #devicesFolder(): string {
    return join(this.#folder, "devices");
  }
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
