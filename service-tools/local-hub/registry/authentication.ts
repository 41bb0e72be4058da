import { isJsonObject, ownProperty } from "../lib/json.ts";
import type { Json } from "../lib/json.ts";
import { success, failure } from "../lib/error-response.ts";
import type { Envelope, Result } from "../lib/error-response.ts";
import { argumentInvalid } from "../lib/error-catalog.ts";

const types = ["sas", "selfSigned", "certificateAuthority"] as const;

interface SymmetricKeys {
  readonly primaryKey: string | null;
  readonly secondaryKey: string | null;
}

/** How a device or a module authenticates. */
export interface Authentication {
  readonly symmetricKey: SymmetricKeys;
  readonly x509Thumbprint: { readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null };
  readonly type: (typeof types)[number];
}

const noThumbprints = { primaryThumbprint: null, secondaryThumbprint: null };

/** The keys that may sign a token of this identity. */
export function signingKeys({ type, symmetricKey }: Authentication): string[] {
  if (type !== "sas") return [];
  return [symmetricKey.primaryKey, symmetricKey.secondaryKey].filter((key) => key !== null);
}

/**
 * Parses the authentication in a request. Missing or empty keys are created with `newKey`, even on an update: an identity
 * that is written without its keys gets new ones, as in the real hub.
 */
export function parseAuthentication(
  requested: Json | undefined,
  newKey: () => string,
  envelope: Envelope,
): Result<Authentication> {
  const fields = isJsonObject(requested) ? requested : {};
  const named = ownProperty(fields, "type") ?? "sas";
  const type = types.find((one) => one === named);
  if (type === undefined) {
    const wanted = `one of ${types.join(", ")}`;
    return failure(
      argumentInvalid(`The authentication type must be ${wanted}, not ${JSON.stringify(named)}.`, envelope),
    );
  }
  if (type !== "sas") {
    const noKeys = { primaryKey: null, secondaryKey: null };
    return success({ symmetricKey: noKeys, x509Thumbprint: thumbprints(fields["x509Thumbprint"]), type });
  }
  const keys = isJsonObject(fields["symmetricKey"]) ? fields["symmetricKey"] : {};
  const primary = keyText(keys["primaryKey"] ?? keys["PrimaryKey"]);
  const secondary = keyText(keys["secondaryKey"] ?? keys["SecondaryKey"]);
  if (primary === undefined && secondary === undefined) {
    const symmetricKey = { primaryKey: newKey(), secondaryKey: newKey() };
    return success({ symmetricKey, x509Thumbprint: noThumbprints, type: "sas" });
  }
  if (primary === undefined || secondary === undefined || !isKey(primary) || !isKey(secondary)) {
    const rule = "Both symmetric keys must be given, as base64 of 16 to 64 bytes, or neither.";
    return failure(argumentInvalid(rule, envelope));
  }
  const symmetricKey = { primaryKey: primary, secondaryKey: secondary };
  return success({ symmetricKey, x509Thumbprint: noThumbprints, type: "sas" });
}

/** The SDK sends `''` for keys that the hub is to create (registry.js, _normalizeAuthentication). */
function keyText(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text && bytes.length >= 16 && bytes.length <= 64;
}

function thumbprints(requested: Json | undefined): Authentication["x509Thumbprint"] {
  if (!isJsonObject(requested)) return noThumbprints;
  return {
    primaryThumbprint: textOrNull(ownProperty(requested, "primaryThumbprint")),
    secondaryThumbprint: textOrNull(ownProperty(requested, "secondaryThumbprint")),
  };
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
