import { AgentError } from "../lib/errors.ts";

/** Rejects an image that is larger than the board accepts or has space for. */
export function checkImageSize(bytes: number, maxBytes: number, availableBytes: number): void {
  if (bytes > maxBytes) {
    throw new AgentError(
      "image-too-large",
      `The image has ${bytes} bytes or more; this board accepts ${maxBytes}. Raise update.max-image-size, or shrink the image.`,
    );
  }
  if (bytes > availableBytes) {
    throw new AgentError(
      "no-space",
      `The image has ${bytes} bytes or more; the board has space for ${availableBytes}. Free some space, or raise update.staging-quota; then request the update again.`,
    );
  }
}

export function sizeMismatch(bytes: number, promised: number): AgentError {
  return new AgentError(
    "bad-size",
    `The image has ${bytes} bytes, but ${promised} were announced. Check the file on the server, then request the update again.`,
  );
}
