import { certificateAdvice, certificateFault, certificateFaultWords } from "../contract/certificate-errors.ts";
import { errorMessage } from "../lib/errors.ts";

/** What can go wrong between a board and its hub, one kind for each remedy. */
export type ConnectionErrorKind =
  /** No packet leaves the board: no route, no DNS. Retries cost nobody anything. */
  | "no-network"
  /** The hub, or a proxy or firewall before it, does not answer or does not accept the connection. */
  | "unreachable"
  /** The hub's certificate is not trusted: unknown authority, other name. */
  | "untrusted"
  /** By this board's clock the certificate is not valid yet, or has expired. */
  | "certificate-time"
  /** The hub does not accept our credentials. */
  | "refused"
  /** The hub ended the connection, or the network did. */
  | "lost"
  /** A call got no answer in time: the connection may be dead, although TCP has not noticed. */
  | "silent"
  /** The hub throttles: too many requests. */
  | "throttled"
  /** The hub's daily message quota is used up; it is reset at midnight UTC. */
  | "quota"
  /** The hub's owner or Azure has suspended it. */
  | "suspended"
  /** The reported properties would be larger than the hub allows: other software has filled them. */
  | "twin-full"
  /** The hub answered with a server error, or fails over to another region. */
  | "hub-error"
  /** The hub answered with a client error: a retry would not help. */
  | "rejected"
  /** The hub does not hold a change of the desired properties that it has announced. */
  | "missed"
  /** Closed by the agent itself: it renews its token, or stops. */
  | "own";

/** An error of the connection to the hub. `message` is a sentence without secrets; `cause` is what the SDK or Node threw. */
export class ConnectionError extends Error {
  readonly kind: ConnectionErrorKind;

  constructor(kind: ConnectionErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ConnectionError";
    this.kind = kind;
  }
}

/** True where the call can be repeated on the same connection after a wait. */
export function isTransient({ kind }: ConnectionError): boolean {
  return ["throttled", "quota", "suspended", "hub-error"].includes(kind);
}

const noNetwork = new Set(["ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL"]);

/**
 * The ConnectionError for an error of Node, mqtt.js or the SDK. Only codes decide, never the names of the SDK's error
 * classes: it calls a refused TCP connection "Unauthorized". Source: tls.html#x509-certificate-error-codes, errors(3), and
 * mqtt.js 4.3.8, whose CONNACK errors carry the return code as a number. // [MQTT-3.2.2-5]
 */
export function classifyError(thrown: unknown, during: string): ConnectionError {
  if (thrown instanceof ConnectionError) return thrown;
  const code = firstCode(thrown);
  const message = errorMessage(thrown);
  const error = (kind: ConnectionErrorKind, why: string): ConnectionError =>
    new ConnectionError(kind, `${during}: ${why}`, { cause: thrown });
  if (code === 4 || code === 5) return error("refused", "the hub does not accept these credentials");
  if (code === 3) return error("hub-error", "the hub is not available");
  if (typeof code === "number") return error("rejected", `the hub refused the connection (${code})`);
  if (code === undefined) return error("unreachable", message);
  const fault = certificateFault(code);
  if (fault !== undefined) {
    const advice = certificateAdvice(fault, "board", "set hub.ca-file to its certificate");
    const kind = fault === "expired" || fault === "not-yet-valid" ? "certificate-time" : "untrusted";
    return error(kind, `the hub's certificate ${certificateFaultWords[fault]} (${code}). ${advice}`);
  }
  if (noNetwork.has(code)) return error("no-network", message);
  return error("unreachable", message);
}

/** The ConnectionError for a twin response with an error status (iot-hub-devguide-quotas-throttling). */
export function classifyStatus(status: number, errorCode: number | undefined, during: string): ConnectionError {
  const label = errorCode === undefined ? `${status}` : `${status}, ${errorCode}`;
  const error = (kind: ConnectionErrorKind, why: string): ConnectionError =>
    new ConnectionError(kind, `${during}: ${why} (${label})`);
  // Sources: azure-iot-sdk-csharp, ErrorCode.cs; troubleshoot-error-codes; 403100: Azure/iotedge #7035.
  switch (errorCode) {
    case 403_001:
      return error("suspended", "the hub is suspended");
    case 403_002:
      return error("quota", "the hub's daily message quota is used up");
    case 403_010:
      return error("rejected", "the hub's tier does not have this");
    case 403_012:
      return error("refused", "the device is disabled");
    case 403_100:
      return error("twin-full", "the reported properties would be larger than the hub allows");
    case 404_012:
      return error("hub-error", "the hub fails over to another region");
    default:
  }
  if (status === 429) return error("throttled", "the hub asks for less");
  if (status >= 500) return error("hub-error", "the hub cannot answer");
  // A 403 alone says no more than that: the quota has a code of its own.
  return error("rejected", status === 403 ? "the hub forbids it" : "the hub refused it");
}

/** The code of an error or of one that it wraps: the SDK keeps the original under `transportError`. */
function firstCode(thrown: unknown): string | number | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; depth += 1) {
    const code: unknown = "code" in error ? error.code : undefined;
    if (typeof code === "string" || typeof code === "number") return code;
    error = "transportError" in error ? error.transportError : error.cause;
  }
  return undefined;
}
