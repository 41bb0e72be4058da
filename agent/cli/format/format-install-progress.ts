import { isJsonObject, type Json, type JsonObject } from "../../contract/json.ts";

/** How far an update is that somebody follows on the board: a line, or its end. */
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
  if (state === undefined) return { line: "the agent is away: it or the board restarts, and goes on by itself" };
  const update = state["update"];
  if (!isJsonObject(update)) return { line: "the agent is taking up its state" };
  if (update["operationId"] !== operationId) {
    const sentence = "Another update has begun since: boardkeeper-agent history tells what became of this one.";
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
          : "staged: gives the hub three minutes to be reached, as the new system will be measured by",
      };
    case "rebooting":
      return { line: "rebooting: if the board takes this terminal with it, boardkeeper-agent history tells the end" };
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
