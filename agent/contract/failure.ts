import type { ErrorCode } from "./codes.ts";
import { redact, truncateUtf8 } from "./safe-text.ts";

/** What went wrong, as it is saved, reported in the twin and answered to methods. */
export interface Failure {
  /** A stable word for programs, listed in docs/errors.md. */
  readonly code: string;
  /** The phase, method or part in which it happened. */
  readonly during: string;
  /** A sentence for people: what happened, why, what to do next. Free of secrets and query strings. */
  readonly message: string;
}

/** A Failure whose message fits a twin and holds no secret. */
export function failure(code: ErrorCode, during: string, message: string): Failure {
  return { code, during, message: truncateUtf8(redact(message)) };
}

/** A twin has room for a hint, not for a log. */
const mostProblems = 5;
const longestProblemBytes = 200;

/** What is wrong with the agent and its disk, for the twin: few and short, without secrets; null when nothing is. */
export function alertsForTwin(problems: readonly string[]): readonly string[] | null {
  if (problems.length === 0) return null;
  const first = problems.slice(0, problems.length > mostProblems ? mostProblems - 1 : mostProblems);
  const left = problems.length - first.length;
  const told = left === 0 ? first : [...first, `and ${left} more; the agent's log on the board has all of them`];
  return told.map((one) => truncateUtf8(redact(one), longestProblemBytes));
}
