import { isJsonObject, sectionAt, textAt, type JsonObject } from "../../agent/contract/json.ts";
import { CommandError, Interrupted } from "../cli/errors.ts";
import type { HubClient, Target } from "../hub-client/hub-client.ts";
import { parseBoardView, type BoardView } from "./board-view.ts";

/** What a board says of itself when it is asked, while its twin may be older. */
export interface AskedStatus {
  /** The twin as it would be if it held what the board says. */
  readonly twin: JsonObject;
  readonly view: BoardView;
  /** True when the board says that the hub takes none of its reports. */
  readonly isTwinStale: boolean;
  /** True when the board says that its twin holds everything that it reports. Not every release says so. */
  readonly isTwinComplete: boolean;
  /** False when the board says that it has yet to handle the present desired properties. Not every release says so. */
  readonly hasHandledDesired: boolean;
  /** Why the twin does not hold everything that the board reports; null when it does, or the board does not say. */
  readonly reporting: string | null;
}

/**
 * Asks a board with `getStatus`. Undefined when it does not answer, or is none of ours: whoever asks has the twin.
 * @param twin for what only the hub knows: connection and desired properties
 * @throws Interrupted after Ctrl-C
 */
export async function askStatus(
  client: Pick<HubClient, "callMethod">,
  target: Target,
  twin: JsonObject,
): Promise<AskedStatus | undefined> {
  const reply = await client.callMethod(target, "getStatus", {}).catch((cause: unknown) => {
    if (cause instanceof CommandError && !(cause instanceof Interrupted)) return undefined;
    throw cause;
  });
  if (reply?.status !== 200 || !isJsonObject(reply.payload)) return undefined;
  const { update, reboot } = reply.payload;
  if (!isJsonObject(update) || !isJsonObject(reboot)) return undefined;
  const properties = sectionAt(twin, "properties");
  const link = sectionAt(reply.payload, "link");
  const reporting = sectionAt(link, "reporting");
  const asReported = {
    ...twin,
    connectionState: "Connected",
    properties: { ...properties, reported: { boardkeeper: reply.payload } },
  };
  const state = textAt(reporting, "state") ?? "";
  const view = parseBoardView(asReported);
  const { desiredVersion = view.desired.version } = link; // Null before the first.
  return {
    twin: asReported,
    view,
    isTwinStale: ["refused", "waiting"].includes(state),
    isTwinComplete: state === "complete",
    hasHandledDesired: desiredVersion === view.desired.version,
    reporting: textAt(reporting, "message"),
  };
}
