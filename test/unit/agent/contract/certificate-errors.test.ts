import { describe, expect, it } from "vitest";
import {
  certificateAdvice,
  certificateFault,
  certificateFaultWords,
  type CertificateFault,
} from "../../../../agent/contract/certificate-errors.ts";

describe("a certificate that Node does not accept", () => {
  it.each<[code: string, fault: CertificateFault | undefined]>([
    ["CERT_HAS_EXPIRED", "expired"],
    ["CERT_NOT_YET_VALID", "not-yet-valid"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unknown-authority"],
    ["UNABLE_TO_GET_ISSUER_CERT", "unknown-authority"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unknown-authority"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "unknown-authority"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "unknown-authority"],
    ["CERT_SIGNATURE_FAILURE", "unknown-authority"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "other-name"],
    ["HOSTNAME_MISMATCH", "other-name"],
    ["CERT_REVOKED", "unusable"],
    ["INVALID_PURPOSE", "unusable"],
    ["UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", "unusable"],
    ["ECONNREFUSED", undefined],
    ["ERR_PROXY", undefined],
    ["toString", undefined],
  ])("%s: %s", (code, fault) => {
    expect(certificateFault(code)).toBe(fault);
  });

  it.each<[fault: CertificateFault, words: RegExp, advice: RegExp]>([
    ["expired", /^has expired/, /^Renew it on the server\. .*this board's clock/],
    ["not-yet-valid", /^is not valid yet$/, /this board's clock is wrong/],
    ["unknown-authority", /authority that is not known here$/, /set x\.ca-file\. .* intercepts TLS/],
    ["other-name", /^is for another host name$/, /^Check the host name/],
    ["unusable", /^cannot be used$/, /^Replace it/],
  ])("%s is told with its own remedy, and only an unknown authority with a setting", (fault, words, advice) => {
    expect(certificateFaultWords[fault]).toMatch(words);
    const advised = certificateAdvice(fault, "board", "set x.ca-file");
    expect(advised).toMatch(advice);
    expect(advised.includes("x.ca-file")).toBe(fault === "unknown-authority");
  });
});
