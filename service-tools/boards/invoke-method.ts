import type { ErrorCode } from "../../agent/contract/codes.ts";
import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import type { Method } from "../../agent/contract/methods.ts";
import { RefusedByDevice } from "../cli/errors.ts";
import { targetFlags, targetName, type HubClient, type MethodReply, type Target } from "../hub-client/hub-client.ts";
import { adviseToRepeat } from "./lost-answer.ts";

/** A board's response to a direct method. */
export interface MethodResponse {
  readonly status: number;
  /** A sentence for people. */
  readonly message: string;
  readonly operationId: string | null;
  readonly scheduledFor: string | null;
  readonly mode: string | null;
  /** The board does this already: the call has started nothing new. */
  readonly already: boolean;
  /** The board had answered this very request before; this is its first response again. */
  readonly repeated: boolean;
  /** Null unless our agent refused the call. */
  readonly errorCode: string | null;
  readonly payload: Json;
}

/**
 * Calls a direct method once.
 * @param operationId set when the call may be repeated with the same id without happening twice; error advice then says so
 * @throws RefusedByDevice with the board's reason; the errors of HubClient.callMethod
 */
export async function invokeMethod(
  client: Pick<HubClient, "callMethod">,
  target: Target,
  {
    method,
    payload,
    operationId,
  }: { readonly method: Method; readonly payload: JsonObject; readonly operationId?: string },
): Promise<MethodResponse> {
  const reply = await client.callMethod(target, method, payload).catch((cause: unknown) => {
    throw operationId === undefined ? cause : adviseToRepeat(cause, target, operationId);
  });
  const response = parseMethodResponse(reply);
  if (isErrorStatus(response.status)) throw refusedError(target, response);
  return response;
}

/** Accepts any response: another agent than ours may answer to the same method names. */
function parseMethodResponse({ status, payload }: MethodReply): MethodResponse {
  const body: JsonObject = isJsonObject(payload) ? payload : {};
  const error = isJsonObject(body["error"]) ? body["error"] : {};
  return {
    status,
    message: textOrNull(body["Response"]) ?? textOrNull(payload) ?? JSON.stringify(payload),
    operationId: textOrNull(body["operationId"]),
    scheduledFor: textOrNull(body["scheduledFor"]),
    mode: textOrNull(body["mode"]),
    already: body["already"] === true,
    repeated: body["repeated"] === true,
    errorCode: textOrNull(error["code"]),
    payload,
  };
}

/** Methods use the status codes of HTTP. */
function isErrorStatus(status: number): boolean {
  return status < 200 || status >= 300;
}

function refusedError(target: Target, { status, message, errorCode, payload }: MethodResponse): RefusedByDevice {
  const label = errorCode === null ? String(status) : `${status} ${errorCode}`;
  const advice = adviceFor(errorCode, target);
  // The board's advice names methods; ours names commands.
  const reason = advice === undefined ? message : message.replace(/ [^.]* with \w+\.$/, "");
  return new RefusedByDevice(`${targetName(target)} refused (${label}): ${reason}`, { status, payload }, { advice });
}

/** The command to type next, if there is one. */
function adviceFor(errorCode: string | null, target: Target): string | undefined {
  const flags = targetFlags(target);
  const advice: Partial<Record<ErrorCode, string>> = {
    "already-scheduled": `Cancel it with: boardkeeper cancel ${flags} reboot`,
    inhibited: `To reboot anyway: boardkeeper reboot ${flags} --force`,
    "update-running": `Watch it with: boardkeeper watch ${flags}\nor cancel it, if it is not too late: boardkeeper cancel ${flags} update`,
    "too-late": `Watch how it ends: boardkeeper watch ${flags}`,
    "nothing-staged": `See what the board is doing: boardkeeper status ${flags}`,
  };
  return Object.entries(advice).find(([code]) => code === errorCode)?.[1];
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}
