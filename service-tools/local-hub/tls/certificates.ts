// @peculiar/x509 needs tsyringe, which throws at load time without this polyfill.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  AuthorityKeyIdentifierExtension,
  PemConverter,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { webcrypto } from "node:crypto";

/** A certificate and its private key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFE_MS = 20 * 365 * DAY_MS;
// The most that public authorities may issue; some clients reject more.
const SERVER_LIFE_MS = 397 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A new certificate authority of this hub: EC P-256, may sign server certificates but no further authorities. */
export async function createCertificateAuthority(nowMs: number): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Boardkeeper local hub CA",
    keys,
    signingAlgorithm: algorithm,
    ...validity(nowMs, CA_LIFE_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), privateKey: await exportKey(keys.privateKey) };
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A server certificate for these names and addresses, signed by the authority; by default valid from now on. */
export async function issueServerCertificate(
  authority: KeyedCertificate,
  dnsNames: readonly string[],
  addresses: readonly string[],
  nowMs: number,
  valid: Validity = validity(nowMs, SERVER_LIFE_MS),
): Promise<KeyedCertificate> {
  const issuer = new X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${dnsNames[0]}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.privateKey),
    signingAlgorithm: algorithm,
    ...valid,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        ...dnsNames.map((value) => ({ type: "dns" as const, value })),
        ...addresses.map((value) => ({ type: "ip" as const, value })),
      ]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: certificate.toString("pem"), privateKey: await exportKey(keys.privateKey) };
}

/** True when the certificate expires within 30 days, is not for all these names, or is by another authority. */
export async function needsRenewal(
  certificate: string,
  authority: string,
  names: readonly string[],
  nowMs: number,
): Promise<boolean> {
  const known = new X509Certificate(certificate);
  const { publicKey } = new X509Certificate(authority);
  if (!(await known.verify({ publicKey, signatureOnly: true }))) return true;
  const covered = new Set(known.getExtension(SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value));
  return known.notAfter.getTime() - nowMs < RENEW_BEFORE_MS || names.some((name) => !covered.has(name));
}

/** From a day ago on, so that a client whose clock is a little behind accepts it. */
function validity(nowMs: number, lifeMs: number): Validity {
  return { notBefore: new Date(nowMs - DAY_MS), notAfter: new Date(nowMs + lifeMs) };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), PemConverter.PrivateKeyTag);
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), algorithm, false, ["sign"]);
}

/** Why no client should trust a server certificate. */
export type Flaw = "not-yet-valid" | "expired" | "other-name" | "unknown-authority";

/** A server certificate for these names that has this flaw and no other. */
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
