import { createCertificateAuthority, issueServerCertificate } from "./certificates.ts";
import type { KeyedCertificate } from "./certificates.ts";

/** What is wrong with a server certificate that no client should trust. */
export type Flaw = "not-yet-valid" | "expired" | "other-name" | "unknown-authority";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A server certificate for these names with this flaw, and no other. */
export async function issueFlawedCertificate(
  flaw: Flaw,
  authority: KeyedCertificate,
  dnsNames: readonly string[],
  addresses: readonly string[],
  nowMs: number,
): Promise<KeyedCertificate> {
  const days = (from: number, to: number): { notBefore: Date; notAfter: Date } => ({
    notBefore: new Date(nowMs + from * DAY_MS),
    notAfter: new Date(nowMs + to * DAY_MS),
  });
  switch (flaw) {
    case "not-yet-valid":
      return issueServerCertificate(authority, dnsNames, addresses, nowMs, days(30, 60));
    case "expired":
      return issueServerCertificate(authority, dnsNames, addresses, nowMs, days(-60, -30));
    case "other-name":
      return issueServerCertificate(authority, ["elsewhere.invalid"], [], nowMs);
    case "unknown-authority":
      return issueServerCertificate(await createCertificateAuthority(nowMs), dnsNames, addresses, nowMs);
  }
}
