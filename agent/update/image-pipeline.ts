import { AgentError } from "../lib/errors.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { Image, Job } from "./job.ts";
import type { Fetcher, Installer, StagedImage, Staging, Workshop } from "./ports.ts";
import type { Progress } from "./report.ts";

export interface ImageWorkshopPorts extends Runtime {
  readonly fetcher: Fetcher;
  readonly staging: Staging;
  readonly installer: Installer;
  readonly largestImageBytes: number;
  /** How long the bytes of a download that has ended badly are kept. */
  readonly keepPartialMs: number;
}

/** Fetches, checks, stages and opens real images. */
export class ImageWorkshop implements Workshop {
  readonly installer: Installer;
  readonly #ports: ImageWorkshopPorts;

  constructor(ports: ImageWorkshopPorts) {
    this.#ports = ports;
    this.installer = ports.installer;
  }

  async admit(job: Job): Promise<void> {
    const { staging } = this.#ports;
    await staging.clear([digestOf(job)]);
    const room = await staging.roomBytes();
    if (job.sizeBytes !== null && job.sizeBytes > room) throw noRoom(job.sizeBytes, room);
  }

  async fetch(job: Job, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Image> {
    const { fetcher, staging, largestImageBytes } = this.#ports;
    const order = {
      operationId: job.operationId,
      uris: [job.uri, ...(job.mirrors ?? [])],
      sha256: digestOf(job),
      path: await staging.partialPath(digestOf(job)),
      sizeBytes: job.sizeBytes,
      largestBytes: largestImageBytes,
      roomBytes: await staging.roomBytes(),
    };
    try {
      return await fetcher.fetch(order, onProgress, signal);
    } catch (cause) {
      // At once: on a full disk, not even the failure could be saved.
      if (cause instanceof AgentError && cause.code === "no-space") await staging.clear([]);
      throw cause;
    }
  }

  async stage(job: Job, measured: Image): Promise<void> {
    const expected = digestOf(job);
    if (measured.sha256 !== expected) {
      throw new AgentError(
        "bad-digest",
        `The image that arrived has SHA-256 ${measured.sha256}, but ${expected} was asked for. Check the address and the check value, then ask again.`,
      );
    }
    if (job.sizeBytes !== null && job.sizeBytes !== measured.sizeBytes) {
      throw new AgentError(
        "bad-size",
        `The image has ${measured.sizeBytes} bytes, but ${job.sizeBytes} were promised.`,
      );
    }
    await this.#ports.staging.admit(expected);
  }

  async open(job: Job, image: Image, signal: AbortSignal): Promise<StagedImage> {
    await this.#ports.staging.verify(image.sha256, signal);
    return this.refer(job, image);
  }

  refer({ version, operationId }: Job, image: Image): StagedImage {
    return { ...image, path: this.#ports.staging.stagedPath(image.sha256), version, operationId };
  }

  async tidy(job: Job, keepsPartial: boolean, signal: AbortSignal): Promise<void> {
    const { staging, timer, keepPartialMs } = this.#ports;
    const untouchedMs = keepsPartial ? await staging.keepPartial(digestOf(job)) : null;
    if (untouchedMs !== null && untouchedMs < keepPartialMs) await timer.after(keepPartialMs - untouchedMs, signal);
    await staging.clear([]);
  }
}

function noRoom(neededBytes: number, roomBytes: number): AgentError {
  return new AgentError(
    "no-space",
    `The image of ${neededBytes} bytes does not fit: the board has room for ${roomBytes}. Free some space, or raise update.staging-quota; then ask again.`,
  );
}

function digestOf({ sha256, rehearsal }: Job): string {
  if (sha256 === null)
    throw new AgentError("internal", `A job without a digest (rehearsal: ${rehearsal}) came to the workshop.`);
  return sha256;
}
