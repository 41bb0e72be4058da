import type { Timer } from "../lib/clock.ts";
import type { Image, Job } from "./job.ts";
import type { Installer, StagedImage, ImagePipeline } from "./ports.ts";
import type { DownloadProgress } from "./report.ts";

/** The size of an image that is not there, so that a rehearsal has progress to show. */
const rehearsedBytes = 15 * 1_000_000;
const steps = 15;

/**
 * Walks the phases of an update with pauses where a real one has work: nothing is fetched, nothing is installed, and the
 * board restarts into the same system. For simulated boards, so that the tutorials' service apps see every word.
 */
export class DryRunPipeline implements ImagePipeline {
  readonly installer: Installer;
  readonly #pause: (signal: AbortSignal) => Promise<void>;
  readonly #step: (signal: AbortSignal) => Promise<void>;

  constructor(timer: Timer, pauseMs: number, runningVersion: () => Promise<string | null>) {
    this.#pause = (signal) => timer.after(pauseMs, signal);
    this.#step = (signal) => timer.after(pauseMs / steps, signal);
    this.installer = {
      restart: "board",
      prepare: async () => undefined,
      install: (_image, signal) => this.#pause(signal),
      arm: async () => undefined,
      runningVersion,
      commit: async () => undefined,
      revert: async () => undefined,
    };
  }

  async reserveSpace(_job: Job, signal: AbortSignal): Promise<void> {
    await this.#pause(signal);
  }

  async download(_job: Job, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<Image> {
    for (let done = 1; done <= steps; done += 1) {
      await this.#step(signal);
      onProgress({ receivedBytes: (rehearsedBytes * done) / steps, totalBytes: rehearsedBytes });
    }
    return { sha256: "0".repeat(64), sizeBytes: rehearsedBytes };
  }

  async checkAndStage(_job: Job, _measured: Image, signal: AbortSignal): Promise<void> {
    await this.#step(signal);
  }

  async openVerified(job: Job, image: Image): Promise<StagedImage> {
    return this.describe(job, image);
  }

  describe({ version, operationId }: Job, image: Image): StagedImage {
    return { ...image, path: "", version, operationId };
  }

  async cleanUp(): Promise<void> {
    // A rehearsal leaves nothing behind.
  }
}
