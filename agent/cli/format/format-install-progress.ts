import { isJsonObject, type Json, type JsonObject } from "../../contract/json.ts";

/** The progress of an update that is followed on the board: one line, or its end. */
export type InstallProgress =
  | { readonly line: string }
  | {
      readonly outcome: "completed" | "failed" | "rolledBack" | "cancelled" | "overtaken";
      /** For people. */
      readonly sentence: string;
      readonly error: JsonObject | null;
    };

/** @param state the answer to `getStatus`; undefined while no agent answers */
export function formatInstallProgress(state: JsonObject | undefined, operationId: string): InstallProgress {
  if (state === undefined)
    return { line: "the agent does not answer: it restarts, or the board reboots; the update continues by itself" };
  const update = state["update"];
  if (!isJsonObject(update)) return { line: "the agent is recovering its saved state" };
  if (update["operationId"] !== operationId) {
    const sentence = "Another update has started since. See how this one ended: boardkeeper-agent history";
    return { outcome: "overtaken", sentence, error: null };
  }
  const { phase } = update;
  const error = isJsonObject(update["error"]) ? update["error"] : null;
  const why = error === null ? "" : `: ${text(error["code"])}, ${text(error["message"])}`;
  switch (phase) {
    case "completed":
      return {
        outcome: phase,
        sentence: `This board runs ${text(update["version"])}, proven healthy after the update.`,
        error,
      };
    case "failed":
      return { outcome: phase, sentence: `The update failed${why}`, error };
    case "rolledBack":
      return {
        outcome: phase,
        sentence: `The update was rolled back: the board is on the old system again${why}`,
        error,
      };
    case "cancelled":
      return { outcome: phase, sentence: "The update was cancelled.", error };
    case "staged":
      return {
        line: isUp(state)
          ? "staged"
          : "staged: waits up to 3 minutes for the hub; if it cannot be reached now, the new system need not reach it either",
      };
    case "rebooting":
      return { line: "rebooting: if this terminal is lost, see how the update ended with boardkeeper-agent history" };
    default:
      return { line: text(phase) };
  }
}

function isUp({ link }: JsonObject): boolean {
  return isJsonObject(link) && link["up"] === true;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "unknown";
}
