import { AgentError } from "../lib/errors.ts";

/** Refuses an image, or what has come of it, that is larger than the board accepts or has room for. */
export function checkImageSize(bytes: number, maxBytes: number, availableBytes: number): void {
  if (bytes > maxBytes) {
    throw new AgentError("image-too-large", `The image has ${bytes} bytes or more; this board accepts ${maxBytes}.`);
  }
  if (bytes > availableBytes) {
    throw new AgentError(
      "no-space",
      `The image has ${bytes} bytes or more; the board has room for ${availableBytes}. Free some space, or raise update.staging-quota; then ask again.`,
    );
  }
}

export function sizeMismatch(bytes: number, promised: number): AgentError {
  return new AgentError(
    "bad-size",
    `The image has ${bytes} bytes, but ${promised} were promised. Check the file on the server, then ask again.`,
  );
}
