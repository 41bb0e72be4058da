import * as v from "valibot";
import { isIntegerBetween, isMatchingText, rule, sha256Hex } from "../contract/check.ts";
import { isErrorCode, type ErrorCode } from "../contract/codes.ts";
import { firmwareVersion, largestImageBytes, operationId } from "../contract/methods.ts";

/*
 * Protocol 2 between the agent and root's install helper: one helper session on one connection of a Unix socket. Lines are JSON objects;
 * raw bytes follow a line that announces them. The agent speaks first, and waits for each answer before it goes on.
 *
 *   agent   {"hello":2,"agent":"0.2.0","installer":"release"}
 *   helper  {"hello":2,"restart":"service"}                       null: the agent's own settings say what is restarted
 *   agent   {"metadata":[{"name":"2.root.json","bytes":1200},…]}  and the bytes of the files, in that order
 *   helper  {"trust":{"rootVersion":2,"expires":"…","floor":7}}   null: this board has no trust root
 *   agent   {"id":1,"verb":"install","image":{…},"limitMs":60000}
 *   helper  {"id":1,"resumeAt":1048576}                           only where it needs the image: its bytes follow from there on
 *   agent   the bytes
 *   helper  {"id":1,"done":{}}                                    or {"id":1,"error":{"code":"…","message":"…"}}
 *
 * `metadata` and verbs may come in any number and order. `{"error":{…}}` without an id answers a hello or a metadata line. After an
 * error in the middle of bytes, or for a line that is not understood, the helper closes the connection. Closing it stops whatever
 * runs, from either side. A single line `refused CODE SENTENCE` is an answer to anything: of a helper that could not begin.
 *
 * The former protocol, which begins with `KEY=VALUE`, is spoken by agent/install-helper/former-session.ts.
 */

export const protocolVersion = 2;
/** The longest line, without its end. */
export const maxLineBytes = 16_384;
/** What one line of metadata may announce: a hundred times what a repository needs. */
export const maxMetadataTotalBytes = 4 * 1_048_576;
const maxMetadataFiles = 300;
/** The longest time for one verb: 27 hours. */
const maxLimitMs = 99_999_000;

const verbs = ["prepare", "install", "arm", "running-version", "healthy", "commit", "revert"] as const;

/** What the helper may be asked to use: an installer inside it, or `none` for an agent that installs by itself. */
const installerName = rule<string>("an installer's name", isMatchingText(/^[a-z][a-z0-9-]*$/, 32));
const sizeInBytes = rule<number>("a size in bytes", isIntegerBetween(0, largestImageBytes));
const requestId = rule<number>("a number from 1 on", isIntegerBetween(1, Number.MAX_SAFE_INTEGER));

export const helloSchema = v.object({
  hello: v.literal(protocolVersion),
  agent: rule<string>("a version", isMatchingText(/^[\w.+~-]+$/, 64)),
  installer: installerName,
});
export type Hello = v.InferOutput<typeof helloSchema>;

const imageSchema = v.object({
  sha256: sha256Hex,
  sizeBytes: sizeInBytes,
  version: firmwareVersion,
  operationId,
});

export const requestSchema = v.pipe(
  v.object({
    id: requestId,
    verb: v.picklist(verbs),
    image: v.optional(imageSchema),
    limitMs: rule<number>("a time limit in milliseconds", isIntegerBetween(1, maxLimitMs)),
  }),
  v.check(
    ({ verb, image }) => (verb === "running-version") === (image === undefined),
    "an image for every verb but running-version",
  ),
);
export type HelperRequest = v.InferOutput<typeof requestSchema>;

const fileSchema = v.object({
  // A plain name: what it says becomes no path.
  name: rule<string>("a metadata file's name", isMatchingText(/^[A-Za-z0-9][\w,.+-]*\.json$/, 80)),
  bytes: rule<number>("a size in bytes", isIntegerBetween(0, maxMetadataTotalBytes)),
});
const metadataSchema = v.object({
  metadata: v.pipe(
    v.array(fileSchema),
    v.maxLength(maxMetadataFiles),
    v.check(
      (files) => files.reduce((sum, { bytes }) => sum + bytes, 0) <= maxMetadataTotalBytes,
      `at most ${maxMetadataTotalBytes} bytes in all`,
    ),
    v.check((files) => new Set(files.map(({ name }) => name)).size === files.length, "each name once"),
  ),
});
export type MetadataLine = v.InferOutput<typeof metadataSchema>;

/** Everything that the agent may send after its hello. */
export const lineSchema = v.union([requestSchema, metadataSchema]);

const errorCode = rule<ErrorCode>("an error code", isErrorCode);
const errorSchema = v.object({ code: errorCode, message: v.pipe(v.string(), v.maxLength(4_000)) });
export type HelperError = v.InferOutput<typeof errorSchema>;

const restartSchema = v.nullable(v.picklist(["board", "service", "none"]));
const trustSchema = v.object({
  rootVersion: requestId,
  /** When the root expires, in ISO 8601. */
  expires: v.string(),
  /** Targets with a lower epoch are refused. */
  floor: rule<number>("a whole number from 0 on", isIntegerBetween(0, Number.MAX_SAFE_INTEGER)),
});
/** What the board trusts, as the helper has verified it. */
export type TrustSummary = Readonly<v.InferOutput<typeof trustSchema>>;

/** Answers without an id. */
export const openAnswerSchema = v.union([
  v.object({ hello: v.literal(protocolVersion), restart: restartSchema }),
  v.object({ trust: v.nullable(trustSchema) }),
  v.object({ error: errorSchema }),
]);
export type OpenAnswer = v.InferOutput<typeof openAnswerSchema>;

/** Answers to a verb. */
export const verbAnswerSchema = v.union([
  v.object({ id: requestId, resumeAt: sizeInBytes }),
  v.object({ id: requestId, done: v.object({ version: v.optional(v.nullable(firmwareVersion)) }) }),
  v.object({ id: requestId, error: errorSchema }),
]);
export type VerbAnswer = v.InferOutput<typeof verbAnswerSchema>;

/** A line of the protocol, with its end. */
export function toLine(message: Hello | MetadataLine | HelperRequest | OpenAnswer | VerbAnswer): string {
  return `${JSON.stringify(message)}\n`;
}

/** The error of a line `refused CODE SENTENCE`; undefined for any other line. */
export function parseRefusal(line: string): HelperError | undefined {
  const [, code = "", message] = /^refused (\S+) (.+)$/.exec(line) ?? [];
  return message !== undefined && isErrorCode(code) ? { code, message } : undefined;
}

/** The value of a JSON text; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
