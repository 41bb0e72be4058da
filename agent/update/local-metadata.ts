import { errorReply, type MethodReply } from "../contract/method-reply.ts";
import { toFailure, AgentError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { OfferedImage, TrustGate } from "./trust-gate.ts";

/**
 * Takes signed metadata that somebody has brought to the board, such as a USB stick's.
 * @returns 200 with the images for this board, or why the metadata cannot be used; never rejects
 */
export async function receiveMetadata(
  trust: Pick<TrustGate, "offer">,
  files: ReadonlyMap<string, Uint8Array>,
  log: Log,
  signal: AbortSignal,
): Promise<MethodReply> {
  let images: readonly OfferedImage[];
  try {
    images = await trust.offer(files, signal);
  } catch (cause) {
    log.warn({ err: cause, files: files.size }, "metadata from the board refused");
    if (cause instanceof AgentError) return errorReply({ status: 403, code: cause.code, message: cause.message });
    return errorReply({ status: 500, code: "internal", message: toFailure(cause, "metadata").message });
  }
  log.info({ files: files.size, images: images.length }, "metadata from the board verified");
  const sentence = `The repository has ${images.length} image${images.length === 1 ? "" : "s"} for this board.`;
  // Named one by one: a target of its own says more than a caller needs.
  const listed = images.map(({ version, sha256, sizeBytes, epoch, path }) => ({
    version,
    sha256,
    sizeBytes,
    epoch,
    path,
  }));
  return { status: 200, payload: { Response: sentence, images: listed } };
}
