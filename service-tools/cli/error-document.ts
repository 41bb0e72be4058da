import { isJsonObject, type JsonObject } from "../../agent/contract/json.ts";
import { CommandError, HubUnreachable, RefusedByDevice } from "./errors.ts";

/** What went wrong, for programs that asked for JSON: `{"error":{"code","message",…}}`, and with it what else is known. */
export function errorDocument(cause: unknown, message: string): JsonObject {
  if (!(cause instanceof CommandError)) return { error: { code: "operation-failed", message } };
  // What the board itself gave as the cause stands inside: the code of the command is always in the same place.
  const { error: ofBoard, ...known } = cause.document ?? {};
  return {
    ...known,
    error: {
      code: cause.code,
      message,
      ...(cause.advice === undefined ? {} : { advice: cause.advice }),
      ...(isJsonObject(ofBoard) ? { cause: ofBoard } : {}),
      ...(cause instanceof RefusedByDevice ? { status: cause.status, payload: cause.payload } : {}),
      ...(cause instanceof HubUnreachable ? { mayHaveArrived: cause.mayHaveArrived } : {}),
    },
  };
}

/** True when a command line asks for JSON: it counts too where the rest of it cannot be read. */
export function asksForJson(args: readonly string[]): boolean {
  return args.some(
    (one, at) => /^(-o=?|--output=)json$/.test(one) || (/^(-o|--output)$/.test(one) && args[at + 1] === "json"),
  );
}
