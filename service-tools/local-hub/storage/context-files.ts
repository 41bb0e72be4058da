import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Policies } from "../auth/policies.ts";
import { deviceConnectionString, serviceConnectionString } from "../auth/connection-strings.ts";
import type { Target } from "../registry/ids.ts";
import type { HubPorts } from "./persisted-settings.ts";
import type { Registry } from "../registry/registry.ts";
import { makePrivateFolder, removeDurably, removeTemporaryFiles, writeAtomically } from "./atomic-file.ts";
import { fileNameOf } from "./file-names.ts";
import { CoalescingFile } from "./coalescing-file.ts";

const CONTEXT_VERSION = 1;

/**
 * The files by which other programs find the hub: `context.json` for operators, and one file for each device and module. They
 * follow the registry; nobody edits them.
 */
export class ContextFiles {
  readonly #folder: string;
  readonly #caFile: string;
  readonly #ports: HubPorts & { readonly control: number };
  readonly #registry: Registry;
  readonly #files = new Map<string, CoalescingFile>();

  constructor(folder: string, caFile: string, ports: HubPorts & { readonly control: number }, registry: Registry) {
    this.#folder = folder;
    this.#caFile = caFile;
    this.#ports = ports;
    this.#registry = registry;
  }

  /** Writes all of them anew, since ports may have changed, and removes those of identities that are no more. */
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
    const targets = this.#registry.targets();
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
    const key = this.#registry.find(target)?.identity.authentication.symmetricKey.primaryKey;
    // A device that shows a certificate has no key to write down.
    if (key === undefined || key === null) return undefined;
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
