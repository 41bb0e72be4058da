import { spawn } from "node:child_process";
import { createPublicKey, verify, type KeyObject } from "node:crypto";
import { constants } from "node:os";
import type { Key } from "@tufjs/models";
import type { Signer } from "./keys.ts";

/* The way to keys that never leave their device: YubiKeys, TPMs, the key management of a cloud. */

/** Far more than any signature. */
const maxOutputBytes = 16_384;

/** The program did not sign; the message says why. */
class SignerFailed extends Error {}

/**
 * A signer that runs a program for each signature: the bytes are its standard input, the signature its standard output. It inherits
 * standard error and the terminal, to ask for a PIN or a touch. `BOARDKEEPER_KEY_ID` in its environment names the key.
 */
export function programSigner(program: string, key: Key, signal: AbortSignal): Signer {
  return {
    key,
    sign: async (bytes) => readSignature(await run(program, key.keyID, bytes, signal), key, bytes, program),
  };
}

async function run(program: string, keyId: string, bytes: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  const child = spawn(program, [], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, BOARDKEEPER_KEY_ID: keyId },
    signal,
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, killedBy) => resolve(status ?? killedBy ?? constants.signals.SIGKILL));
  });
  // A program may end without reading; its exit status says what is wrong then.
  child.stdin.once("error", () => undefined);
  child.stdin.end(bytes);
  const output: Buffer[] = [];
  let length = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxOutputBytes) child.kill();
    else output.push(chunk);
  });
  let status: number | NodeJS.Signals;
  try {
    status = await ended;
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new SignerFailed(
      `The signer ${program} could not be started: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        cause,
      },
    );
  }
  if (length > maxOutputBytes) {
    throw new SignerFailed(`The signer ${program} wrote more than ${maxOutputBytes} bytes: that is no signature.`);
  }
  if (status !== 0) throw new SignerFailed(`The signer ${program} failed: it ended with ${status}.`);
  return Buffer.concat(output);
}

/** Programs write a signature as it is, in hex or in Base64; what verifies is the signature. */
function readSignature(output: Buffer, key: Key, bytes: Uint8Array, program: string): string {
  const text = output.toString("latin1").trim();
  const readings = [
    output,
    ...(/^(?:[0-9a-f]{2})+$/i.test(text) ? [Buffer.from(text, "hex")] : []),
    ...(/^[A-Za-z0-9+/\s]+={0,2}$/.test(text) ? [Buffer.from(text, "base64")] : []),
  ];
  const publicKey = toKeyObject(key);
  const signature = readings.find((one) => isSignature(bytes, publicKey, one));
  if (signature !== undefined) return signature.toString("hex");
  throw new SignerFailed(
    `What the signer ${program} wrote (${output.length} bytes) is no signature by the key ${key.keyID.slice(0, 16)}. ` +
      `Expected ${key.scheme === "ed25519" ? "an ed25519 signature of 64 bytes" : "an ECDSA signature in DER, over the SHA-256 of the bytes"}, ` +
      "as it is, in hex or in Base64.",
  );
}

function isSignature(bytes: Uint8Array, key: KeyObject, signature: Buffer): boolean {
  return verify(key.asymmetricKeyType === "ec" ? "sha256" : null, bytes, key, signature);
}

function toKeyObject({ keyVal, keyType }: Key): KeyObject {
  const { public: text = "" } = keyVal;
  if (keyType !== "ed25519") return createPublicKey(text);
  return createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(text, "hex").toString("base64url") },
    format: "jwk",
  });
}
