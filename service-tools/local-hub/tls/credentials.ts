import { X509Certificate, createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { writeAtomically } from "../storage/atomic-file.ts";
import { CorruptStateFile, readIfPresent } from "../storage/read-state.ts";
import {
  createCertificateAuthority,
  issueServerCertificate,
  needsRenewal,
  issueFlawedCertificate,
} from "./certificates.ts";
import type { KeyedCertificate, Flaw } from "./certificates.ts";

/** The server certificate of the hub, and the authority that its clients trust. */
export interface Credentials {
  readonly ca: string;
  readonly caFile: string;
  readonly server: KeyedCertificate;
}

const ADDRESSES = ["127.0.0.1", "::1"] as const;

/**
 * The credentials of the hub in this folder. Its authority is created once and never replaced, since clients hold its
 * certificate; the server certificate is renewed when it expires soon or when the hub's names change.
 */
export async function loadCredentials(
  folder: string,
  dnsNames: readonly string[],
  nowMs: number,
): Promise<Credentials> {
  const authority = (await readAuthority(folder)) ?? (await makeAuthority(folder, nowMs));
  const known = await readServerCertificate(folder);
  const names = [...dnsNames, ...ADDRESSES];
  const server =
    known !== undefined && !(await needsRenewal(known.certificate, authority.certificate, names, nowMs))
      ? known
      : await makeServerCertificate(folder, authority, dnsNames, nowMs);
  return { ca: authority.certificate, caFile: caFile(folder), server };
}

/** A server certificate with this flaw. The hub in this folder must have been started before. */
export async function flawedCertificate(
  folder: string,
  dnsNames: readonly string[],
  flaw: Flaw,
  nowMs: number,
): Promise<KeyedCertificate> {
  const authority = await readAuthority(folder);
  if (authority === undefined) throw new Error(`The hub in ${folder} has no certificate authority: start it first.`);
  return issueFlawedCertificate(flaw, authority, dnsNames, ADDRESSES, nowMs);
}

/** The server's current certificate and key, or undefined before the hub's first start. */
export async function readServerCertificate(folder: string): Promise<KeyedCertificate | undefined> {
  const file = serverFile(folder);
  const text = await readIfPresent(file);
  return text === undefined ? undefined : checkedPair(file, file, text, text);
}

async function readAuthority(folder: string): Promise<KeyedCertificate | undefined> {
  const file = caFile(folder);
  const certificate = await readIfPresent(file);
  // The key is written first: a key without a certificate was never used.
  if (certificate === undefined) return undefined;
  const keyFile = caKeyFile(folder);
  return checkedPair(file, keyFile, certificate, (await readIfPresent(keyFile)) ?? "");
}

async function makeAuthority(folder: string, nowMs: number): Promise<KeyedCertificate> {
  const authority = await createCertificateAuthority(nowMs);
  await writeAtomically(caKeyFile(folder), authority.privateKey);
  await writeAtomically(caFile(folder), authority.certificate);
  return authority;
}

async function makeServerCertificate(
  folder: string,
  authority: KeyedCertificate,
  dnsNames: readonly string[],
  nowMs: number,
): Promise<KeyedCertificate> {
  const server = await issueServerCertificate(authority, dnsNames, ADDRESSES, nowMs);
  // One file, so that a renewal never leaves a certificate with another one's key.
  await writeAtomically(serverFile(folder), `${server.certificate}\n${server.privateKey}\n`);
  return server;
}

/** The pair; throws when they do not belong together. OpenSSL finds the block that it needs in a file that holds both. */
function checkedPair(file: string, keyFile: string, certificate: string, privateKey: string): KeyedCertificate {
  let matches: boolean;
  try {
    matches = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
  } catch (error) {
    throw new CorruptStateFile(file, `it is not a certificate with its private key (which is in ${keyFile})`, {
      cause: error,
    });
  }
  if (!matches) throw new CorruptStateFile(file, `the certificate does not belong to the private key in ${keyFile}`);
  return { certificate, privateKey };
}

function caFile(folder: string): string {
  return join(folder, "ca.pem");
}

function caKeyFile(folder: string): string {
  return join(folder, "ca-key.pem");
}

function serverFile(folder: string): string {
  return join(folder, "server.pem");
}
