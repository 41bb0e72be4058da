/* Words for a server certificate that Node does not accept, the same on a board and in the command-line tool. */

/** Why a certificate is not accepted: one kind for each remedy. */
export type CertificateFault = "expired" | "not-yet-valid" | "unknown-authority" | "other-name" | "unusable";

const faults: Readonly<Record<string, CertificateFault>> = {
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-authority",
  CERT_UNTRUSTED: "unknown-authority",
  // Another authority of the same name: one that was created anew, for example.
  CERT_SIGNATURE_FAILURE: "unknown-authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "other-name",
  HOSTNAME_MISMATCH: "other-name",
};

const unusable =
  /^(UNABLE_TO_DE|ERROR_IN_CERT_|CERT_(CHAIN_TOO_LONG|REVOKED|REJECTED)$|INVALID_(CA|PURPOSE)$|PATH_LENGTH_EXCEEDED$|ERR_TLS_CERT_ALTNAME_FORMAT$)/;

/**
 * What is wrong with a certificate, by the code of Node's error; undefined for an error of something else.
 * Source: nodejs.org/api/tls.html, "X509 certificate error codes".
 */
export function certificateFault(code: string): CertificateFault | undefined {
  return Object.hasOwn(faults, code) ? faults[code] : unusable.test(code) ? "unusable" : undefined;
}

/** Goes on after "its certificate" or "the hub's certificate". */
export const certificateFaultWords: Readonly<Record<CertificateFault, string>> = {
  expired: "has expired, or that of its authority has",
  "not-yet-valid": "is not valid yet",
  "unknown-authority": "is signed by an authority that is not known here",
  "other-name": "is for another host name",
  unusable: "cannot be used",
};

/**
 * What to do about it, as sentences.
 * @param machine whose clock it is: `board`, or `machine` for that of the command-line tool
 * @param nameAuthority how an authority is made known: begins with a verb, without a full stop
 */
export function certificateAdvice(
  fault: CertificateFault,
  machine: "board" | "machine",
  nameAuthority: string,
): string {
  switch (fault) {
    case "expired":
      return `Renew it on the server. If it is still valid, this ${machine}'s clock is wrong: set it.`;
    case "not-yet-valid":
      return `Most likely this ${machine}'s clock is wrong: set it, or give it a time source (NTP).`;
    case "unknown-authority":
      return `If that authority is the right one, ${nameAuthority}. Otherwise something on this network intercepts TLS.`;
    case "other-name":
      return "Check the host name, and whether something else on this network answers, such as a captive portal.";
    case "unusable":
      return "Replace it on the server.";
  }
}
