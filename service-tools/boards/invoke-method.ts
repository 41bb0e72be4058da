import type { JsonObject } from "../../agent/contract/json.ts";
import type { Method } from "../../agent/contract/methods.ts";
import type { ErrorCode } from "../../agent/contract/codes.ts";
import {
  type CommandError,
  DeviceGone,
  HubUnreachable,
  Interrupted,
  RefusedByDevice,
  TimedOut,
} from "../cli/errors.ts";
import { nameOf, targetFlags, type HubClient, type Target } from "../hub-client/hub-client.ts";
import { answerFrom, isRefusal, type Answer } from "./method-response.ts";

/**
 * Asks a board to do something, once.
 * @param operationId names what is asked for, where it may be asked for a second time without happening twice
 * @throws RefusedByDevice with the board's reason; the errors of HubClient.call, which say whether the board may have heard
 */
export async function askBoard(
  client: Pick<HubClient, "call">,
  target: Target,
  {
    method,
    payload,
    operationId,
  }: { readonly method: Method; readonly payload: JsonObject; readonly operationId?: string },
): Promise<Answer> {
  const reply = await client.call(target, method, payload).catch((cause: unknown) => {
    if (mayHaveBeenHeard(cause) && operationId !== undefined) {
      cause.advice =
        `${nameOf(target)} may have begun it all the same. To find out, ask again with the same id, which never does it twice:\n` +
        `the same command with --operation-id ${operationId}`;
    }
    throw cause;
  });
  const answer = answerFrom(reply);
  if (isRefusal(answer)) throw refusal(target, answer);
  return answer;
}

function mayHaveBeenHeard(cause: unknown): cause is CommandError {
  if (cause instanceof HubUnreachable) return cause.mayHaveArrived;
  return cause instanceof TimedOut || cause instanceof DeviceGone || cause instanceof Interrupted;
}

function refusal(target: Target, { status, response, errorCode, payload }: Answer): RefusedByDevice {
  const label = errorCode === null ? String(status) : `${status} ${errorCode}`;
  const advice = adviceFor(errorCode, target);
  // The board's own advice names methods; here there are commands for them.
  const said = advice === undefined ? response : response.replace(/ [^.]* with \w+\.$/, "");
  return new RefusedByDevice(`${nameOf(target)} refused (${label}): ${said}`, { status, payload }, { advice });
}

/** What to type next, where there is something: the board's own sentence says the rest. */
function adviceFor(errorCode: string | null, target: Target): string | undefined {
  const flags = targetFlags(target);
  const advice: Partial<Record<ErrorCode, string>> = {
    "already-scheduled": `Take it back with: boardkeeper cancel ${flags} reboot`,
    inhibited: `Reboot it all the same: boardkeeper reboot ${flags} --force`,
    "update-running": `See how far it is: boardkeeper watch ${flags}\nor take it back, if it is not too late: boardkeeper cancel ${flags} update`,
    "too-late": `See how it ends: boardkeeper watch ${flags}`,
    "nothing-staged": `See what the board is doing: boardkeeper status ${flags}`,
  };
  return Object.entries(advice).find(([code]) => code === errorCode)?.[1];
}
