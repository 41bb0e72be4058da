import { Metadata, MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from "@tufjs/models";
import { isJsonObject } from "../contract/json.ts";
import { maxMetadataBytes } from "../contract/signed-target.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import { canonicalJson } from "./canonical-json.ts";

/** A metadata file whose form is right. Who signed it, and whether it is the right one, is not known yet. */
export interface MetadataFile<Signed> {
  /** Its name in sentences: "3.root.json", "the stored snapshot". */
  readonly name: string;
  /** As they came. */
  readonly bytes: Uint8Array;
  readonly signed: Signed;
  /** When it expires, in milliseconds since 1970. */
  readonly expiresMs: number;
  /** What the signatures are over. */
  readonly signedText: Uint8Array;
  /** Signatures in hex, by the ids of their keys. */
  readonly signatures: ReadonlyMap<string, string>;
}

/** The objects that each kind of metadata must have: TUF's models would invent those that are missing. */
const parts = {
  root: ["keys", "roles"],
  timestamp: ["meta"],
  snapshot: ["meta"],
  targets: ["targets"],
} as const;

/* Each rejects with `metadata-too-large` or `metadata-invalid`. */

export function readRoot(name: string, bytes: Uint8Array): MetadataFile<Root> {
  return read(name, bytes, "root", (data) => Metadata.fromJSON(MetadataKind.Root, data));
}

export function readTimestamp(name: string, bytes: Uint8Array): MetadataFile<Timestamp> {
  return read(name, bytes, "timestamp", (data) => Metadata.fromJSON(MetadataKind.Timestamp, data));
}

export function readSnapshot(name: string, bytes: Uint8Array): MetadataFile<Snapshot> {
  return read(name, bytes, "snapshot", (data) => Metadata.fromJSON(MetadataKind.Snapshot, data));
}

export function readTargets(name: string, bytes: Uint8Array): MetadataFile<Targets> {
  return read(name, bytes, "targets", (data) => Metadata.fromJSON(MetadataKind.Targets, data));
}

/** @throws AgentError `metadata-invalid` */
export function invalid(name: string, why: string, cause?: unknown): AgentError {
  return new AgentError(
    "metadata-invalid",
    `The metadata file ${name} cannot be used: ${why}. It was damaged on its way, or the server sends something else. Check what the repository serves, or publish it again.`,
    { cause },
  );
}

/** @throws AgentError `metadata-too-large` */
export function tooLarge(name: string, what: string): AgentError {
  return new AgentError(
    "metadata-too-large",
    `The metadata file ${name} has ${what}. Nothing of it was used. Retire old versions of the images, then publish again.`,
  );
}

type Role = Root | Timestamp | Snapshot | Targets;
/** A JSON object, in the words of TUF's models. */
type JsonData = Parameters<typeof Metadata.fromJSON>[1];

function read<Signed extends Role>(
  name: string,
  bytes: Uint8Array,
  kind: keyof typeof parts,
  parse: (data: JsonData) => Metadata<Signed>,
): MetadataFile<Signed> {
  if (bytes.length > maxMetadataBytes) throw tooLarge(name, `more than ${maxMetadataBytes} bytes`);
  const data = parseJson(name, bytes);
  const signedPart = data["signed"];
  if (!isJsonObject(signedPart)) throw invalid(name, "its signed part is missing");
  const missing = parts[kind].find((part) => !isJsonObject(signedPart[part]));
  if (missing !== undefined) throw invalid(name, `${missing} is missing in it`);
  const expiresMs = parseTime(signedPart["expires"]);
  if (expiresMs === undefined) throw invalid(name, "it does not say when it expires");
  const { spec_version: specVersion, version } = signedPart;
  if (typeof specVersion !== "string" || !/^1\.\d{1,3}(?:\.\d{1,3})?$/.test(specVersion)) {
    throw invalid(name, "it is not written for version 1 of TUF's specification");
  }
  if (typeof version !== "number" || version < 1) throw invalid(name, "its version is not a number from 1 on");
  try {
    const signedText = Buffer.from(canonicalJson(signedPart));
    const { signed, signatures } = parse(data);
    const byKey = Object.values(signatures).map(({ keyID, sig }) => [keyID, sig] as const);
    return { name, bytes, signed, expiresMs, signedText, signatures: new Map(byKey) };
  } catch (cause) {
    throw invalid(name, errorMessage(cause), cause);
  }
}

function parseJson(name: string, bytes: Uint8Array): JsonData {
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw invalid(name, "it is not JSON, or not all of it", cause);
  }
  if (!isJsonData(data)) throw invalid(name, "it is not a JSON object");
  return data;
}

function isJsonData(value: unknown): value is JsonData {
  return isJsonObject(value);
}

/**
 * Milliseconds since 1970 of a time as metadata has it, `2027-01-31T12:00:00Z`. Undefined for everything else, also for a 31st of
 * February.
 */
export function parseTime(text: unknown): number | undefined {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text.slice(0, 19)) ? ms : undefined;
}
