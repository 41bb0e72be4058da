import type { MethodReply } from "../contract/methods.ts";
import { refusalReply } from "../contract/refusal.ts";
import { AgentError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Partials } from "./download/ports.ts";
import type { Staging } from "./ports.ts";
import { nothingSpent } from "./download/record.ts";

export interface IntakePorts {
  readonly staging: Pick<Staging, "partialPath" | "roomBytes"> & {
    /** Removes one partial image, if it is there. */
    discard(sha256: string): Promise<void>;
  };
  readonly partials: Partials;
  readonly largestImageBytes: number;
  /** The operation id of the update that is running; null when none is. */
  readonly updating: () => string | null;
  readonly log: Log;
}

/** An image that somebody before the board hands in. */
export interface HandedIn {
  /** 64 hex digits in lower case. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Takes images in on the board itself, from a stick, say: into the place of a download that has just ended. The update
 * that is asked for next finds it there, and has nothing left to ask a server for.
 */
export class ImageIntake {
  readonly #ports: IntakePorts;
  #isTaking = false;
  /** The image that was handed in, and that no update has been asked for with yet. */
  #waiting: string | undefined;

  constructor(ports: IntakePorts) {
    this.#ports = ports;
  }

  /** Resolves when the image is on disk whole, or is refused. Never rejects. */
  async take(image: HandedIn, signal: AbortSignal): Promise<MethodReply> {
    const { log } = this.#ports;
    if (this.#isTaking) return busy("Another image is being handed in on the board.");
    this.#isTaking = true;
    try {
      const reply = (await this.#refusal(image)) ?? (await this.#write(image, signal));
      log.info({ sha256: image.sha256, status: reply.status }, "image handed in");
      return reply;
    } catch (cause) {
      log.warn({ err: cause, sha256: image.sha256 }, "image not taken");
      const [code, why] =
        cause instanceof AgentError ? [cause.code, cause.message] : (["internal", reasonOf(cause)] as const);
      return refusalReply({ status: code === "no-space" ? 507 : 500, code, message: why });
    } finally {
      this.#isTaking = false;
    }
  }

  async #refusal({ sizeBytes }: HandedIn): Promise<MethodReply | undefined> {
    const { staging, largestImageBytes } = this.#ports;
    const running = this.#updateInTheWay();
    if (running !== undefined) return running;
    if (sizeBytes > largestImageBytes) {
      const message = `The image has ${sizeBytes} bytes, and this board accepts ${largestImageBytes}. Raise update.max-image-size, or shrink the image.`;
      return refusalReply({ status: 400, code: "image-too-large", message });
    }
    const roomBytes = await staging.roomBytes();
    if (sizeBytes <= roomBytes) return undefined;
    const message = `The image of ${sizeBytes} bytes does not fit: the board has room for ${roomBytes}. Free some space, then hand it in again.`;
    return refusalReply({ status: 507, code: "no-space", message });
  }

  async #write({ sha256, sizeBytes, body }: HandedIn, signal: AbortSignal): Promise<MethodReply> {
    const { staging, partials } = this.#ports;
    const spent = nothingSpent("handed-in");
    const partial = await partials.open(await staging.partialPath(sha256), spent.operationId, signal);
    let isWhole = false;
    try {
      await partial.startOver(spent); // Whatever of it was fetched before: the stick has all of it.
      for await (const piece of body) {
        signal.throwIfAborted();
        // A request of the hub's has come first, and may be for this very file.
        const running = this.#updateInTheWay();
        if (running !== undefined) return running;
        await partial.append(piece);
      }
      isWhole = partial.bytes === sizeBytes && partial.digest() === sha256;
      if (isWhole) return { status: 200, payload: { Response: "Image taken", sha256, sizeBytes } };
      const message = `The image that was handed in has ${partial.bytes} bytes and SHA-256 ${partial.digest()}, not ${sizeBytes} and ${sha256}. Check the file, then hand it in again.`;
      return refusalReply({ status: 400, code: "bad-digest", message });
    } finally {
      await partial.close();
      if (isWhole) this.#waiting = sha256;
      else if (this.#ports.updating() === null) await staging.discard(sha256);
    }
  }

  /** To be told when an update was asked for: an image that no update has taken up is thrown away. Never rejects. */
  async settle(): Promise<void> {
    const sha256 = this.#waiting;
    this.#waiting = undefined;
    if (sha256 === undefined || this.#ports.updating() !== null) return;
    await this.#ports.staging.discard(sha256).catch((cause: unknown) => {
      this.#ports.log.warn({ err: cause, sha256 }, "image that was not needed stays until the next update");
    });
  }

  #updateInTheWay(): MethodReply | undefined {
    const running = this.#ports.updating();
    return running === null ? undefined : busy(`An update is running (${running}).`);
  }
}

function busy(why: string): MethodReply {
  return refusalReply({
    status: 409,
    code: "update-running",
    message: `${why} Wait for it, then hand the image in again.`,
  });
}

function reasonOf(cause: unknown): string {
  return `A fault in the agent: ${cause instanceof Error ? cause.message : String(cause)}.`;
}
