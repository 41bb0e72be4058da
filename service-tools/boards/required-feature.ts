import type { Feature } from "../../agent/contract/features.ts";
import { RefusedByDevice } from "../cli/errors.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { targetName, type HubClient, type Target } from "../hub-client/hub-client.ts";
import { askStatus } from "./ask-status.ts";
import { parseBoardView } from "./board-view.ts";

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

/** What an update to a version of the board's repository needs. */
export const signedImages: Requirement = {
  feature: "signed",
  what: "an update by its version alone",
  otherwise: "looks for no version in a repository of signed images",
};

/**
 * Why a board cannot be trusted with a request, as one sentence; undefined where its agent lists the feature. A connected board is
 * asked itself: after a rollback of its agent, the twin still lists what the newer one understood.
 */
export async function missingFeature(
  client: Pick<HubClient, "callMethod">,
  target: Target,
  twin: JsonObject,
  { feature, what, otherwise }: Requirement,
): Promise<string | undefined> {
  const reported = parseBoardView(twin);
  const said = reported.connected ? await askStatus(client, target, twin) : undefined;
  const { agent } = said?.view ?? reported;
  if (agent === null) return `${targetName(target)} has not reported yet whether its agent understands ${what}.`;
  if (agent.features.includes(feature)) return undefined;
  return `The agent of ${targetName(target)} (${agent.version ?? "unknown version"}) does not understand ${what}: it ${otherwise}.`;
}

/** @throws RefusedByDevice, with nothing sent, where the agent does not list the feature */
export async function requireFeature(
  client: Pick<HubClient, "callMethod">,
  target: Target,
  twin: JsonObject,
  requirement: Requirement,
): Promise<void> {
  const why = await missingFeature(client, target, twin, requirement);
  if (why === undefined) return;
  const { feature, what } = requirement;
  throw new RefusedByDevice(
    `${why} Nothing was sent.`,
    { status: null, payload: { feature } },
    { advice: `Update the agent to a release that lists "${feature}" in its features, or leave ${what} out.` },
  );
}
