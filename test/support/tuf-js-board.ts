import { writeFileSync } from "node:fs";
import { Updater, type Fetcher } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import type { MetadataSource } from "../../agent/trust/ports.ts";

/** A board whose verifier is tuf-js, which keeps its metadata in a folder. */
export class TufJsBoard {
  /** By which metadata may have expired. tuf-js takes this from the machine's clock, and from nowhere else. */
  time: Date;
  /** The paths and digests of the images that it trusts, of those that were asked for. */
  readonly trusted = new Map<string, string>();
  error: unknown;
  readonly #folder: string;

  constructor(folder: string, root: Uint8Array, time: Date) {
    writeFileSync(`${folder}/root.json`, root);
    this.#folder = folder;
    this.time = time;
  }

  /**
   * Refreshes, then looks each path up.
   * @returns whether all of it was accepted
   */
  async refresh(source: MetadataSource, paths: readonly string[]): Promise<boolean> {
    this.trusted.clear();
    this.error = undefined;
    const updater = new Updater({
      metadataDir: this.#folder,
      metadataBaseUrl: "https://repository/metadata",
      fetcher: fetcherOf(source),
    });
    const set: unknown = Reflect.get(updater, "trustedSet");
    Object.assign(set as object, { referenceTime: this.time });
    try {
      await updater.refresh();
      for (const path of paths) {
        const target = await updater.getTargetInfo(path);
        if (target !== undefined) this.trusted.set(path, target.hashes["sha256"] ?? "");
      }
      return true;
    } catch (error) {
      this.error = error;
      return false;
    }
  }
}

function fetcherOf(source: MetadataSource): Fetcher {
  return {
    downloadFile: () => Promise.reject(new Error("Images are not downloaded.")),
    downloadBytes: async (url, maxLength) => {
      const bytes = await source.read(decodeURIComponent(url.slice(url.lastIndexOf("/") + 1)), maxLength);
      if (bytes === undefined) throw new DownloadHTTPError(`No ${url}`, 404);
      return Buffer.from(bytes);
    },
  };
}
