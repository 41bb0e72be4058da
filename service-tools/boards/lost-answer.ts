import { type CommandError, DeviceGone, HubUnreachable, Interrupted, TimedOut } from "../cli/errors.ts";
import { targetName, type Target } from "../hub-client/hub-client.ts";

/**
 * The error of a call whose answer may have been lost, with what to do: repeat it with the same operation id, which a board
 * never carries out twice. Any other error as it is.
 */
export function adviseToRepeat(cause: unknown, target: Target, operationId: string): unknown {
  if (!mayHaveArrived(cause)) return cause;
  cause.advice =
    `${targetName(target)} may have started it. To find out, repeat it with the same id; it is never done twice:\n` +
    `the same command with --operation-id ${operationId}`;
  return cause;
}

function mayHaveArrived(cause: unknown): cause is CommandError {
  if (cause instanceof HubUnreachable) return cause.mayHaveArrived;
  return cause instanceof TimedOut || cause instanceof DeviceGone || cause instanceof Interrupted;
}
