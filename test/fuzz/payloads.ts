import * as fc from "fast-check";
import { digest, httpsUri, oneWrong } from "./inputs.ts";

/* Payloads of the methods: right ones, and those with one thing wrong. */

const operationId = fc.stringMatching(/^[\w.:-]{1,64}$/);
const version = fc.stringMatching(/^[A-Za-z0-9][\w.+~:-]{0,63}$/);
const updateKeys = [
  "fwPackageUri",
  "fwPackageURI",
  "mirrors",
  "fwPackageCheckValue",
  "fwVersion",
  "fwPackageSize",
  "fwManifestUri",
  "apply",
  "startBy",
  "operationId",
];
export const goodUpdate = fc.record(
  {
    fwPackageUri: httpsUri,
    fwPackageCheckValue: digest.chain((hex) => fc.constantFrom(hex, `sha256:${hex}`, hex.toUpperCase())),
    fwVersion: version,
    mirrors: fc.array(httpsUri, { maxLength: 4 }),
    fwPackageSize: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    apply: fc.constantFrom("now", "manual"),
    startBy: fc
      .date({ min: new Date("1970-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
      .map((at) => at.toISOString()),
    operationId,
  },
  { requiredKeys: ["fwPackageUri", "fwPackageCheckValue"] },
);
const rebootKeys = ["delaySeconds", "at", "window", "force", "reason", "operationId"];
export const goodReboot = fc.record(
  {
    delaySeconds: fc.integer({ min: 0, max: 86_400 }),
    force: fc.boolean(),
    reason: fc.string({ maxLength: 200 }).map((text) => text.replaceAll(/\p{Cc}/gu, "")),
    operationId,
  },
  { requiredKeys: [] },
);
export const nearly = {
  firmwareUpdate: oneWrong(goodUpdate, updateKeys),
  rebootDevice: oneWrong(goodReboot, rebootKeys),
  cancelReboot: oneWrong(fc.record({ operationId }), ["operationId"]),
  applyFirmwareUpdate: oneWrong(fc.record({ operationId }), ["operationId"]),
  cancelFirmwareUpdate: oneWrong(fc.record({ operationId }), ["operationId"]),
  getLogs: oneWrong(fc.record({ level: fc.constantFrom("info", "error") }), ["since", "level"]),
};
const logsKeys = ["since", "level"];
export const keysOf: Readonly<Record<string, readonly string[]>> = {
  firmwareUpdate: updateKeys,
  rebootDevice: rebootKeys,
  getLogs: logsKeys,
};

/** As it is, or as the JSON text that some tutorials send. */
export const dressed = (payload: unknown, asText: boolean): unknown => (asText ? JSON.stringify(payload) : payload);
