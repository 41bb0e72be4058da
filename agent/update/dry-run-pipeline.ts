import type { Timer } from "../lib/clock.ts";
import type { Image, Job } from "./job.ts";
import type { Installer, StagedImage, ImagePipeline } from "./ports.ts";
import type { DownloadProgress } from "./update-snapshot.ts";

/** The size of a made-up image, so that a dry run has progress to show. */
const imageBytes = 15 * 1_000_000;
const steps = 15;

/**
 * Goes through the phases of an update with pauses instead of work: downloads and installs nothing, and the board restarts
 * into the same system. For simulated boards, so that the tutorials' service apps see every phase.
 */
export class DryRunPipeline implements ImagePipeline {
  readonly installer: Installer;
  readonly #pause: (signal: AbortSignal) => Promise<void>;
  readonly #step: (signal: AbortSignal) => Promise<void>;

  constructor(timer: Timer, pauseMs: number, runningVersion: () => Promise<string | null>) {
    this.#pause = (signal) => timer.after(pauseMs, signal);
    this.#step = (signal) => timer.after(pauseMs / steps, signal);
    this.installer = {
      receives: "file",
      restart: "board",
      prepare: async () => undefined,
      install: (_image, signal) => this.#pause(signal),
      arm: async () => undefined,
      runningVersion,
      healthy: async () => undefined,
      commit: async () => undefined,
      revert: async () => undefined,
    };
  }

  async reserveSpace(_job: Job, signal: AbortSignal): Promise<void> {
    await this.#pause(signal);
  }

  async download(
    _job: Job,
    _isFirst: boolean,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Image> {
    for (let done = 1; done <= steps; done += 1) {
      await this.#step(signal);
      onProgress({ receivedBytes: (imageBytes * done) / steps, totalBytes: imageBytes });
    }
    return { sha256: "0".repeat(64), sizeBytes: imageBytes };
  }

  async checkAndStage(_job: Job, _measured: Image, signal: AbortSignal): Promise<void> {
    await this.#step(signal);
  }

  async openVerified(job: Job, image: Image): Promise<StagedImage> {
    return this.describe(job, image);
  }

  /** Never called: the installer of dry runs takes a file. */
  async *read(): AsyncIterable<Uint8Array> {
    // There are no bytes.
  }

  describe({ version, operationId }: Job, image: Image): StagedImage {
    return { ...image, path: "", version, operationId };
  }

  async cleanUp(): Promise<void> {
    // A dry run leaves nothing behind.
  }
}
