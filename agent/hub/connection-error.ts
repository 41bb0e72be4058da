import { errorMessage } from "../lib/errors.ts";
/** What can go wrong between a board and its hub, by what to do about it. */
export type ConnectionErrorKind =
  /** No packet leaves the board: no route, no DNS. Trying again costs nobody anything. */
  | "no-network"
  /** The hub, or what stands before it, does not answer or does not let a connection be made. */
  | "unreachable"
  /** The hub's certificate cannot be trusted: unknown authority, other name. */
  | "untrusted"
  /** The certificate is not valid yet, or not any more, by this board's clock. */
  | "certificate-time"
  /** The hub does not accept who we say we are. */
  | "refused"
  /** The hub ended the connection, or the network did. */
  | "lost"
  /** A call got no answer in time: the connection may be dead without knowing it. */
  | "silent"
  /** Too much was asked of the hub for now. */
  | "throttled"
  /** The hub's messages of today are used up; they are counted anew at midnight UTC. */
  | "quota"
  /** The hub answered that it cannot, for a reason of its own. */
  | "hub-error"
  /** The hub answered that it will not: asking again would not help. */
  | "rejected"
  /** A notification of the hub was missed: what we hold is not what it holds. */
  | "missed"
  /** Ended by ourselves: the token has to be renewed, or the agent stops. */
  | "own";

/** A fault of the link. `message` is a sentence without secrets; `cause` is what the SDK or Node threw. */
export class ConnectionError extends Error {
  readonly kind: ConnectionErrorKind;

  constructor(kind: ConnectionErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "LinkTrouble";
    this.kind = kind;
  }
}

/** True where the same connection can be used again after a while. */
export function isTransient({ kind }: ConnectionError): boolean {
  return kind === "throttled" || kind === "quota" || kind === "hub-error";
}

const certificateTime = new Set(["CERT_NOT_YET_VALID", "CERT_HAS_EXPIRED"]);
const noNetwork = new Set(["ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL"]);
const untrusted =
  /^(ERR_TLS_CERT_ALTNAME_INVALID|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_(UNTRUSTED|REVOKED|SIGNATURE|CHAIN|REJECTED)|INVALID_CA)/;

/**
 * The trouble behind an error of Node, mqtt.js or the SDK. Codes decide, and the names of the SDK's error classes never:
 * it calls a refused TCP connection "Unauthorized". Source: tls.html#x509-certificate-error-codes, errors(3), and
 * mqtt.js 4.3.8, whose CONNACK errors carry the return code as a number. // [MQTT-3.2.2-5]
 */
export function classifyError(thrown: unknown, during: string): ConnectionError {
  if (thrown instanceof ConnectionError) return thrown;
  const code = firstCode(thrown);
  const words = errorMessage(thrown);
  const trouble = (kind: ConnectionErrorKind, why: string): ConnectionError =>
    new ConnectionError(kind, `${during}: ${why}`, { cause: thrown });
  if (code === 4 || code === 5) return trouble("refused", "the hub does not accept these credentials");
  if (code === 3) return trouble("hub-error", "the hub is not available");
  if (typeof code === "number") return trouble("rejected", `the hub refused the connection (${code})`);
  if (code === undefined) return trouble("unreachable", words);
  if (certificateTime.has(code)) return trouble("certificate-time", `the hub's certificate is not valid now (${code})`);
  if (untrusted.test(code)) return trouble("untrusted", `the hub's certificate cannot be trusted (${code})`);
  if (noNetwork.has(code)) return trouble("no-network", words);
  return trouble("unreachable", words);
}

/** The hub's answer to a twin request, by its status and error code (iot-hub-devguide-quotas-throttling). */
export function classifyStatus(status: number, errorCode: number | undefined, during: string): ConnectionError {
  const label = errorCode === undefined ? `${status}` : `${status}, ${errorCode}`;
  const trouble = (kind: ConnectionErrorKind, why: string): ConnectionError =>
    new ConnectionError(kind, `${during}: ${why} (${label})`);
  // 403002: IoTHubQuotaExceeded, until midnight UTC. 429001 and its kin: ThrottlingException.
  if (errorCode === 403_002 || status === 403) return trouble("quota", "the hub's messages of today are used up");
  if (status === 429) return trouble("throttled", "the hub asks for less");
  if (status >= 500) return trouble("hub-error", "the hub cannot answer");
  return trouble("rejected", "the hub refused it");
}

/** The code of an error, or of one that it wraps: the SDK keeps the first under `transportError`. */
function firstCode(thrown: unknown): string | number | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; depth += 1) {
    const code: unknown = "code" in error ? error.code : undefined;
    if (typeof code === "string" || typeof code === "number") return code;
    error = "transportError" in error ? error.transportError : error.cause;
  }
  return undefined;
}
