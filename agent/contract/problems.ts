import { truncateUtf8 } from "./failure.ts";
import { redact } from "./redact.ts";

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
