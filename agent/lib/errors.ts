import type { Code } from "../contract/codes.ts";
import { failure, type Failure } from "../contract/failure.ts";

/** An error that has a remedy. Adapters throw it; runners turn it into the Failure that is saved and reported. */
export class AgentError extends Error {
  readonly code: Code;

  /** @param message a sentence for people, free of secrets and of URLs' query strings */
  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AgentError";
    this.code = code;
  }
}

/** The Failure behind whatever was thrown. What has no code of ours is a fault in the agent, and is said to be one. */
export function toFailure(thrown: unknown, during: string): Failure {
  if (thrown instanceof AgentError) return failure(thrown.code, during, thrown.message);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return failure("internal", during, `A fault in the agent: ${message}`);
}
