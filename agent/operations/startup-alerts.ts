import type { AgentState, LoadQuality } from "./agent-state.ts";

/** What a start found. */
interface Findings {
  /** Sentences; empty where the configuration is valid. */
  readonly configProblems: readonly string[];
  readonly saved: AgentState | undefined;
  readonly loadQuality: LoadQuality;
  /** What is damaged of the saved state, as sentences. */
  readonly stateProblems: readonly string[];
}

/** What people must know of a start: a configuration with mistakes, a saved state that is damaged or older. Sentences. */
export function startupAlerts({ configProblems, saved, loadQuality, stateProblems }: Findings): string[] {
  return [...configurationAlerts(configProblems), ...stateAlerts(saved, loadQuality, stateProblems)];
}

function configurationAlerts(mistakes: readonly string[]): string[] {
  if (mistakes.length === 0) return [];
  const many = mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`;
  return [
    `The configuration has ${many}, so the last known good one runs. Correct it, then restart the agent.`,
    ...mistakes,
  ];
}

function stateAlerts(saved: AgentState | undefined, loadQuality: LoadQuality, problems: readonly string[]): string[] {
  const alerts = problems.map((one) => `Saved state: ${one}`);
  if (loadQuality !== "older") return alerts;
  const instead =
    saved === undefined
      ? "Saved state: there is no copy that can be read, so the agent starts with an empty one."
      : "Saved state: the previous copy is used; an update or a reboot that had not started in it is not carried out. Check the board's disk.";
  return [instead, ...alerts];
}
