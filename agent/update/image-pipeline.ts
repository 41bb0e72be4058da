import { AgentError } from "../lib/errors.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { Image, Job } from "./job.ts";
import type { ImageDownloader, Installer, StagedImage, StagingArea, ImagePipeline } from "./ports.ts";
import type { DownloadProgress } from "./update-snapshot.ts";

export interface StagingPipelinePorts extends Runtime {
  readonly downloader: ImageDownloader;
  readonly staging: StagingArea;
  readonly installer: Installer;
  readonly maxImageBytes: number;
  /** Partial images that stay when a job's leftovers are removed: uploaded on the board, and not asked for yet. */
  readonly protectedPartials: () => readonly string[];
  /** How long the bytes of a failed or cancelled download are kept. */
  readonly keepPartialMs: number;
}

/** Downloads images, checks and stages them on disk, and opens them for the installer. */
export class StagingPipeline implements ImagePipeline {
  readonly installer: Installer;
  readonly #ports: StagingPipelinePorts;

  constructor(ports: StagingPipelinePorts) {
    this.#ports = ports;
    this.installer = ports.installer;
  }

  async reserveSpace(job: Job): Promise<void> {
    const { staging } = this.#ports;
    await staging.removeAllExcept([digestOf(job)]);
    const availableBytes = await staging.availableBytes();
    if (job.sizeBytes !== null && job.sizeBytes > availableBytes) throw noSpace(job.sizeBytes, availableBytes);
  }

  async download(
    job: Job,
    isFirst: boolean,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Image> {
    const { downloader, staging, maxImageBytes } = this.#ports;
    const request = {
      operationId: job.operationId,
      uris: [job.uri, ...(job.mirrors ?? [])],
      isFirst,
      sha256: digestOf(job),
      path: await staging.partialPath(digestOf(job)),
      sizeBytes: job.sizeBytes,
      maxBytes: maxImageBytes,
      availableBytes: await staging.availableBytes(),
    };
    try {
      return await downloader.download(request, onProgress, signal);
    } catch (cause) {
      // At once: on a full disk, not even the failure could be saved.
      if (cause instanceof AgentError && cause.code === "no-space") await staging.removeAllExcept([]);
      throw cause;
    }
  }

  async checkAndStage(job: Job, measured: Image): Promise<void> {
    const expected = digestOf(job);
    if (measured.sha256 !== expected) {
      throw new AgentError(
        "bad-digest",
        job.target === undefined
          ? `The downloaded image has SHA-256 ${measured.sha256}, but the request says ${expected}. Check the address and the check value, then request the update again.`
          : `The downloaded image has SHA-256 ${measured.sha256}, but ${expected} is signed. The server's copy was changed or damaged, or the address is another image's. Copy the repository to the server again, then request the update again.`,
      );
    }
    if (job.sizeBytes !== null && job.sizeBytes !== measured.sizeBytes) {
      throw new AgentError(
        "bad-size",
        `The downloaded image has ${measured.sizeBytes} bytes, but the request says ${job.sizeBytes}. Check the file on the server, then request the update again.`,
      );
    }
    await this.#ports.staging.promote(expected);
  }

  async openVerified(job: Job, image: Image, signal: AbortSignal): Promise<StagedImage> {
    await this.#ports.staging.verify(image.sha256, signal);
    return this.describe(job, image);
  }

  read({ sha256 }: Image, fromByte: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#ports.staging.read(sha256, fromByte, signal);
  }

  describe({ version, operationId }: Job, image: Image): StagedImage {
    return { ...image, path: this.#ports.staging.stagedPath(image.sha256), version, operationId };
  }

  async cleanUp(job: Job, keepsPartial: boolean, signal: AbortSignal): Promise<void> {
    const { staging, timer, keepPartialMs, protectedPartials } = this.#ports;
    const untouchedMs = keepsPartial ? await staging.removeAllButPartial(digestOf(job), protectedPartials()) : null;
    if (untouchedMs !== null && untouchedMs < keepPartialMs) await timer.after(keepPartialMs - untouchedMs, signal);
    await staging.removeAllExcept([], protectedPartials());
  }
}

function noSpace(neededBytes: number, availableBytes: number): AgentError {
  return new AgentError(
    "no-space",
    `The image of ${neededBytes} bytes does not fit: the board has space for ${availableBytes}. Free some space, or raise update.staging-quota; then request the update again.`,
  );
}

function digestOf({ sha256, rehearsal }: Job): string {
  if (sha256 === null)
    throw new AgentError("internal", `A job without a digest (dry run: ${rehearsal}) cannot be staged.`);
  return sha256;
}
