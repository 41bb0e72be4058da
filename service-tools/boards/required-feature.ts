import type { Feature } from "../../agent/contract/features.ts";
import { RefusedByDevice } from "../cli/errors.ts";
import { targetName, type Target } from "../hub-client/hub-client.ts";
import type { BoardView } from "./board-view.ts";

/** What a request needs of the agent, and what an agent without it would do. */
export interface Requirement {
  readonly feature: Feature;
  /** The option or key that needs it: "--start-by". */
  readonly what: string;
  /** "would update the board at any time" */
  readonly otherwise: string;
}

/** What `startBy` needs. */
export function leaseFor(what: string): Requirement {
  return { feature: "lease", what, otherwise: "would ignore it, and update the board at any later time" };
}

/** Why a board cannot be trusted with a request, as one sentence; undefined where its agent lists the feature. */
export function missingFeature(
  target: Target,
  { agent }: BoardView,
  { feature, what, otherwise }: Requirement,
): string | undefined {
  if (agent === null) return `${targetName(target)} has not reported yet whether its agent understands ${what}.`;
  if (agent.features.includes(feature)) return undefined;
  return `The agent of ${targetName(target)} (${agent.version ?? "unknown version"}) does not understand ${what}: it ${otherwise}.`;
}

/** @throws RefusedByDevice, with nothing sent, where the agent does not list the feature */
export function requireFeature(target: Target, view: BoardView, requirement: Requirement): void {
  const why = missingFeature(target, view, requirement);
  if (why === undefined) return;
  const { feature, what } = requirement;
  throw new RefusedByDevice(
    `${why} Nothing was sent.`,
    { status: null, payload: { feature } },
    {
      advice: `Update the agent to a release that lists "${feature}" in its features, or leave ${what} out.`,
    },
  );
}
