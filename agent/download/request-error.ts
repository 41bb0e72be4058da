import { maxHeaderSize } from "../lib/node-http.ts";
import { certificateAdvice, certificateFault, certificateFaultWords } from "../contract/certificate-errors.ts";
import { AgentError, errorCode } from "../lib/errors.ts";

/** Why a request got no response, with what to do about it. @param address without its query */
export function requestError(address: string, cause: unknown): AgentError {
  const code = errorCode(cause) ?? "";
  const fault = certificateFault(code);
  if (fault !== undefined) {
    const advice = certificateAdvice(fault, "board", "set update.ca-file to its certificate");
    const words = `its certificate ${certificateFaultWords[fault]} (${code})`;
    return new AgentError("unreachable", `${address} could not be reached: ${words}. ${advice}`, { cause });
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    const message = `${address} sent more than ${maxHeaderSize / 1_024} KiB of headers, which this board does not take (${code}). Have the server send fewer or shorter ones.`;
    return new AgentError("bad-response", message, { cause });
  }
  return unreachable(`${address} could not be reached: ${describeCause(cause, code)}`, cause);
}

/** The connection was lost in the middle of a body. */
export function connectionLost(cause: unknown): AgentError {
  return unreachable(`The connection was lost: ${describeCause(cause, errorCode(cause) ?? "")}`, cause);
}

function unreachable(message: string, cause: unknown): AgentError {
  return new AgentError("unreachable", `${message}. Check the server and the network, then request the update again.`, {
    cause,
  });
}

function describeCause(cause: unknown, code: string): string {
  if (!(cause instanceof Error)) return String(cause);
  const isPlain = /^(EPROTO|ERR_SSL_)/.test(code) && /wrong version number|packet length too long/i.test(cause.message);
  if (isPlain) return `what answers there does not speak TLS (${code}); the address may need another port`;
  if (code.startsWith("HPE_"))
    return `what answers there does not speak HTTP (${code}); the address may need another port`;
  return cause.message || code || cause.name;
}
