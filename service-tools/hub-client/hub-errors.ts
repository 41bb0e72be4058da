import { certificateAdvice, certificateFault, certificateFaultWords } from "../../agent/contract/certificate-errors.ts";
import {
  AlreadyExists,
  AuthenticationFailed,
  DeviceGone,
  DeviceOffline,
  HubBusy,
  HubUnreachable,
  RefusedByHub,
  TimedOut,
  UnknownDevice,
  type CommandError,
} from "../cli/errors.ts";
import { targetName, type HubAddress, type Target } from "./hub-client.ts";
import { parseErrorResponse, classifyErrorResponse } from "./error-response.ts";

/** The request that failed, for the message. */
export interface FailedRequest {
  readonly address: HubAddress;
  readonly target: Target | undefined;
}

/** How a request failed. */
export type RequestFailure =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "connection"; readonly code: string | undefined; readonly message: string }
  | { readonly kind: "deadline"; readonly deadlineMs: number };

/** The error for the user: one class per remedy. */
export function toCommandError(trouble: RequestFailure, asked: FailedRequest, cause?: unknown): CommandError {
  switch (trouble.kind) {
    case "answer":
      return errorResponseError(trouble.status, trouble.body, asked, cause);
    case "connection":
      return connectionError(trouble, asked, cause);
    case "deadline":
      return new TimedOut(
        `${capitalized(hubNamed(asked))} did not answer within ${trouble.deadlineMs / 1_000} s. Check the network, then try again.`,
        { cause },
      );
  }
}

function errorResponseError(status: number, body: string, asked: FailedRequest, cause: unknown): CommandError {
  const refusal = parseErrorResponse(body);
  const { target } = asked;
  const board = target === undefined ? "the device" : targetName(target);
  const hub = hubNamed(asked);
  const said = `${status}${refusal.code === undefined ? "" : `, ${refusal.code}`}: ${refusal.message}`;
  switch (classifyErrorResponse(status, refusal)) {
    case "offline":
      return new DeviceOffline(capitalized(`${board} is offline: it is not connected to ${hub}.`), {
        cause,
        advice: "Try again when it is back. To update it then: boardkeeper update --desired",
      });
    case "gone":
      return new DeviceGone(capitalized(`${board} lost its connection before it answered.`), { cause });
    case "silent":
      return new TimedOut(capitalized(`${board} did not answer in time (${said}).`), { cause });
    case "unknown":
      return new UnknownDevice(capitalized(`${hub} knows no ${identityNamed(target)}.`), {
        cause,
        advice: `List them with: boardkeeper device list${target?.moduleId === undefined ? "" : " --modules"}\nor add it with: boardkeeper device add`,
      });
    case "exists":
      return new AlreadyExists(capitalized(`${hub} already has a ${identityNamed(target)}.`), {
        cause,
        advice: "Show it with: boardkeeper device show\nwith its keys: boardkeeper device show --keys",
      });
    case "busy":
      return new HubBusy(capitalized(`${hub} cannot do this now (${said}).`), {
        cause,
        advice: "Wait a moment, then try again.",
      });
    case "quota":
      return new HubBusy(capitalized(`${hub} has used up its daily message quota (${said}).`), {
        cause,
        advice: "The quota is reset at midnight UTC. Send less, or use a larger tier of the hub.",
      });
    case "suspended":
      return new HubBusy(capitalized(`${hub} is suspended (${said}).`), {
        cause,
        advice: "Look at the hub and its subscription in the Azure portal.",
      });
    case "failing-over":
      return new HubBusy(capitalized(`${hub} fails over to another region (${said}).`), {
        cause,
        advice: "Nothing is lost. Try again in some minutes.",
      });
    case "tier":
      return new RefusedByHub(capitalized(`${hub} does not have this in its tier (${said}).`), {
        cause,
        advice: "Twins and direct methods need the tier Free or Standard. Look at the hub's tier in the Azure portal.",
      });
    case "disabled":
      return new RefusedByHub(capitalized(`${board} is disabled in ${hub} (${said}).`), {
        cause,
        advice: "Enable it in the Azure portal, if it should be in use.",
      });
    case "too-large":
      return new RefusedByHub(capitalized(`${hub} keeps no more in this twin (${said}).`), {
        cause,
        advice: "Remove what is not needed from it. See it with: boardkeeper twin",
      });
    case "forbidden":
      return new AuthenticationFailed(capitalized(`${hub} does not allow this with the present login (${said}).`), {
        cause,
        advice: "Check the policy and the key of the connection string, and that this machine's clock is right.",
      });
    case "refused":
      return new RefusedByHub(capitalized(`${hub} refused the request (${said}).`), { cause });
  }
}

const neverConnected = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

function connectionError(
  { code, message }: { readonly code: string | undefined; readonly message: string },
  asked: FailedRequest,
  cause: unknown,
): CommandError {
  const { hostName, isLocal, isOwnLocalHub } = asked.address;
  const fault = code === undefined ? undefined : certificateFault(code);
  if (fault !== undefined) {
    return new HubUnreachable(`The certificate of ${hostName} ${certificateFaultWords[fault]} (${code}): ${message}.`, {
      cause,
      mayHaveArrived: false,
      advice: certificateAdvice(fault, "machine", "name its certificate with --ca-file"),
    });
  }
  return new HubUnreachable(
    `${capitalized(hubNamed(asked))} cannot be reached: ${message || (code ?? "no connection")}.`,
    {
      cause,
      mayHaveArrived: !neverConnected.has(code ?? ""),
      advice: isLocal
        ? `Start it with: boardkeeper hub start${isOwnLocalHub ? "" : " --folder DIR (the folder in which it was started)"}`
        : "Check the host name in the connection string and the network.",
    },
  );
}

function hubNamed({ address: { hostName, isLocal } }: FailedRequest): string {
  return isLocal ? `the local hub (${hostName})` : hostName;
}

function identityNamed(target: Target | undefined): string {
  if (target === undefined) return "such device";
  const { deviceId, moduleId } = target;
  return moduleId === undefined ? `device ${deviceId}` : `device ${deviceId} with a module ${moduleId}`;
}

/** For the beginning of a sentence. Names stay unchanged. */
function capitalized(text: string): string {
  return text.replace(/^the /, "The ");
}
