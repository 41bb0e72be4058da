import type { ErrorCode } from "../contract/codes.ts";
import { failure, type Failure } from "../contract/failure.ts";

/** An error that has a remedy. Adapters throw it; runners turn it into the Failure that is saved and reported. */
export class AgentError extends Error {
  readonly code: ErrorCode;

  /** @param message a sentence for people, free of secrets and of URLs' query strings */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AgentError";
    this.code = code;
  }
}

/** Something else lies where a file should be, or a file is far too large for what it should hold. The message names its path. */
export class NotRegularFile extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotRegularFile";
  }
}

/** The Failure behind whatever was thrown. An error without a code of ours is a fault in the agent, and its message says so. */
export function toFailure(thrown: unknown, during: string): Failure {
  if (thrown instanceof AgentError) return failure(thrown.code, during, thrown.message);
  return failure("internal", during, `A fault in the agent: ${errorMessage(thrown)}`);
}

/** The message of whatever was thrown. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The code of an error of Node or of the system, such as `ENOSPC`; undefined where it has none. */
export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

/** True for what a system call has refused: its code is Linux's own, such as `EIO`, or Node's for removing a folder as a file. */
export function isSystemError(thrown: unknown): boolean {
  return /^(E[A-Z0-9]+|ERR_FS_EISDIR)$/.test(errorCode(thrown) ?? "");
}

/** True when a file system call failed because the file or folder is not there. */
export function isAbsent(cause: unknown): boolean {
  return errorCode(cause) === "ENOENT";
}
