import * as v from "valibot";
import { check, isIntegerBetween, rule, textRule, type Checked } from "./check.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { logLevels, type LogsRequest } from "./logs.ts";
import { keyProblems } from "./near-keys.ts";

/** The direct methods that a board answers. */
export const methods = [
  "rebootDevice",
  "cancelReboot",
  "firmwareUpdate",
  "applyFirmwareUpdate",
  "cancelFirmwareUpdate",
  "getStatus",
  "getLogs",
] as const;
export type Method = (typeof methods)[number];

const aliases: Readonly<Record<string, Method>> = { reboot: "rebootDevice" };

/** The method for a name or an alias of another tutorial; undefined for an unknown name. */
export function findMethod(name: string): Method | undefined {
  return methods.find((known) => known === name) ?? (Object.hasOwn(aliases, name) ? aliases[name] : undefined);
}

/** A day: a reboot that is to happen later should use a maintenance window. */
const longestDelaySeconds = 86_400;
/** 1 TiB: beyond any image, below what a JSON number holds exactly. */
export const largestImageBytes = 2 ** 40;
const longestUri = 2_048;

export const operationId = textRule(
  { what: "an operation id", expected: " of 1 to 64 letters, digits, and . _ : -" },
  /^[\w.:-]+$/,
  64,
);
const optionalOperationId = v.optional(operationId);
export const firmwareVersion = textRule(
  { what: "a version", expected: " of 1 to 64 letters, digits, and . _ + ~ : -, beginning with a letter or digit" },
  /^[A-Za-z0-9][\w.+~:-]*$/,
  64,
);
/**
 * The version of a job, or a label where its caller named none: the beginning of the image's digest.
 * @param sha256 64 hex digits; null for a dry run
 */
export function versionLabel(version: string | undefined, sha256: string | null): string {
  return version ?? (sha256 === null ? "rehearsal" : `sha256:${sha256.slice(0, 12)}`);
}

/** Whether a version is such a label. A board that knows what the publisher has signed reports the signed version in its place. */
export function isVersionLabel(version: string): boolean {
  return /^sha256:[0-9a-f]{12}$/.test(version);
}

export const packageUri = textRule(
  { what: "a URI", expected: ` of 1 to ${longestUri} characters without spaces`, isSecret: true },
  /^[^\s\p{Cc}]+$/u,
  longestUri,
);
/** White space around it is allowed: a tool's output ends with a line feed. */
const checkValue = textRule(
  { what: "a check value", expected: " of at most 256 characters" },
  /^\s*[^\p{Cc}]*\s*$/u,
  256,
);
const flag = rule<boolean>("true or false", (value) => typeof value === "boolean");
const reason = textRule({ what: "a reason", expected: " of at most 200 characters" }, /^[^\p{Cc}]*$/u, 200);

const timePattern = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
/** A point in time in ISO 8601, with its zone. */
export const pointInTime = rule<string>("a time with its zone such as 2030-01-31T23:59:00Z", isTime);

const rebootRequest = v.object({
  delaySeconds: v.optional(
    rule<number>(
      `a whole number of seconds from 0 to ${longestDelaySeconds}`,
      isIntegerBetween(0, longestDelaySeconds),
    ),
  ),
  at: v.optional(pointInTime),
  window: v.optional(flag),
  force: v.optional(flag),
  reason: v.optional(reason),
  operationId: optionalOperationId,
});
export type RebootRequest = v.InferOutput<typeof rebootRequest>;

const maxMirrors = 4;
/** Other addresses of the same image. */
export const mirrors = v.pipe(
  rule<unknown[]>(
    `a list of at most ${maxMirrors} URIs`,
    (value) => Array.isArray(value) && value.length <= maxMirrors,
  ),
  v.array(packageUri),
);

const firmwareUpdateRequest = v.object({
  fwPackageUri: v.optional(packageUri),
  fwPackageURI: v.optional(packageUri),
  mirrors: v.optional(mirrors),
  fwPackageCheckValue: v.optional(checkValue),
  fwVersion: v.optional(firmwareVersion),
  fwPackageSize: v.optional(
    rule<number>(`a whole number of bytes from 1 to ${largestImageBytes}`, isIntegerBetween(1, largestImageBytes)),
  ),
  fwManifestUri: v.optional(packageUri),
  apply: v.optional(v.picklist(["now", "window", "manual"])),
  startBy: v.optional(pointInTime),
  operationId: optionalOperationId,
});
export type FirmwareUpdateRequest = v.InferOutput<typeof firmwareUpdateRequest>;

const operationReference = v.object({ operationId: optionalOperationId });
export type OperationReference = v.InferOutput<typeof operationReference>;

const logsRequest = v.object({ since: v.optional(pointInTime), level: v.optional(v.picklist(logLevels)) });

/** Checks the payload of `getLogs`. */
export function parseLogsRequest(payload: unknown): Checked<LogsRequest> {
  return checkPayload(logsRequest, payload);
}

/** Checks the payload of `rebootDevice`: at most one of `delaySeconds`, `at` and `window` says when. */
export function parseRebootRequest(payload: unknown): Checked<RebootRequest> {
  const request = checkPayload(rebootRequest, payload);
  if (!request.ok) return request;
  const { delaySeconds, at, window } = request.value;
  const times = [delaySeconds !== undefined, at !== undefined, window === true].filter(Boolean).length;
  if (times <= 1) return request;
  return { ok: false, problems: ["delaySeconds, at, window: expected at most one of them, got several"] };
}

/** Checks the payload of `firmwareUpdate`. Whether the check value must be a digest depends on the job: a dry run needs none. */
export function parseFirmwareUpdateRequest(payload: unknown): Checked<FirmwareUpdateRequest> {
  return checkPayload(firmwareUpdateRequest, payload);
}

/** Checks the payload of methods that take only an operation id. */
export function parseOperationReference(payload: unknown): Checked<OperationReference> {
  return checkPayload(operationReference, payload);
}

/**
 * Reads a payload as it arrives: an object; null or nothing; or a JSON text to be parsed a second time, as the Python v2
 * and Node tutorials send it. Unknown keys are ignored (the reboot tutorial sends `{"method_number":"42"}`), except those that
 * are almost a known one.
 */
function checkPayload<const Schema extends RequestSchema>(
  schema: Schema,
  payload: unknown,
): Checked<v.InferOutput<Schema>> {
  const object = payloadObject(payload);
  if (!object.ok) return object;
  const checked = check(schema, object.value);
  const [first, ...others] = [
    ...keyProblems(object.value, Object.keys(schema.entries)),
    ...(checked.ok ? [] : checked.problems),
  ];
  return first === undefined ? checked : { ok: false, problems: [first, ...others] };
}

/** A point in time in ISO 8601, with its zone, that the calendar knows: `Date` takes 31 February for 3 March. */
function isTime(value: unknown): boolean {
  const [text, year, month, day] = typeof value === "string" ? (timePattern.exec(value) ?? []) : [];
  if (text === undefined || Number.isNaN(Date.parse(text))) return false;
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  // In UTC too it has a year of four digits: `toISOString` gives other years more.
  return Number(day) <= lastDay && /^\d{4}-/.test(new Date(text).toISOString());
}

type RequestSchema = v.GenericSchema & { readonly entries: Readonly<Record<string, unknown>> };

function payloadObject(payload: unknown): Checked<JsonObject> {
  let value = payload ?? {};
  if (typeof value === "string") {
    if (value.trim() === "") return { ok: true, value: {} };
    try {
      value = JSON.parse(value) ?? {};
    } catch {
      return {
        ok: false,
        problems: ["payload: expected an object, null, or an object as JSON text, got another text"],
      };
    }
  }
  if (isJsonObject(value)) return { ok: true, value };
  const actual = Array.isArray(value) ? "an array" : `a ${typeof value}`;
  return { ok: false, problems: [`payload: expected an object, null, or an object as JSON text, got ${actual}`] };
}
