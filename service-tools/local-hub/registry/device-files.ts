import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateFolder, removeTemporaryFiles } from "../storage/atomic-file.ts";
import { fileNameOf } from "../lib/target.ts";
import { CoalescingFile } from "../storage/coalescing-file.ts";
import { readStateFile } from "../storage/read-state.ts";
import { recordSchema, renderRecord } from "./record.ts";
import type { DeviceRecord } from "./record.ts";

/** One file for each device, in a folder of their own. */
export class DeviceFiles {
  readonly #folder: string;
  readonly #files = new Map<string, CoalescingFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** All devices in the folder, ordered by their ids. */
  async load(): Promise<DeviceRecord[]> {
    await makePrivateFolder(this.#folder);
    await removeTemporaryFiles(this.#folder);
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(".json"));
    const records = await Promise.all(names.map((name) => readStateFile(join(this.#folder, name), recordSchema)));
    return records
      .filter((record) => record !== undefined)
      .sort((a, b) => (a.identity.deviceId < b.identity.deviceId ? -1 : 1));
  }

  /** Writes what `current` returns when the write begins; resolves when that, or a newer state, is on disk. */
  async save(deviceId: string, current: () => DeviceRecord | undefined): Promise<void> {
    const file =
      this.#files.get(deviceId) ?? new CoalescingFile(join(this.#folder, `${fileNameOf({ deviceId })}.json`));
    this.#files.set(deviceId, file);
    await file.save(() => {
      const record = current();
      return record === undefined ? undefined : renderRecord(record);
    });
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.idle()));
  }
}
