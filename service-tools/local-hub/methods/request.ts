import { isJsonObject, ownProperty, parseJson } from "../lib/json.ts";
import type { Json } from "../lib/json.ts";
import { success, failure } from "../lib/error-response.ts";
import type { ErrorResponse, Result } from "../lib/error-response.ts";
import { argumentInvalid, badDeviceResponse, tooLarge } from "../lib/error-catalog.ts";

/** A direct method call, as sent to the device. `payload` is the text of the MQTT message: empty when the caller gave none. */
export interface MethodCall {
  readonly name: string;
  readonly payload: string;
  readonly connectTimeoutMs: number;
  /** Limits the whole call, including the wait for the device to connect. */
  readonly responseTimeoutMs: number;
}

// "The payload for method requests and responses is a JSON document up to 128 KB" (iot-hub-devguide-direct-methods).
const METHOD_PAYLOAD_LIMIT_BYTES = 128 * 1024;
const NAME_LIMIT = 100;
const DEFAULT_RESPONSE_TIMEOUT_S = 30;

// The same article: US-ASCII printable alphanumeric, except these. An MQTT topic cannot hold + or # [MQTT-3.3.2-2].
const forbiddenInName = /[^\u0021-\u007e]|[$()<>@,;:\\"/[\]?={}+#]/;

/** Parses and checks the body of a request. */
export function parseMethodRequest(body: Json): Result<MethodCall> {
  if (!isJsonObject(body)) return invalid("The request body must be a JSON object with a methodName.");
  const name = ownProperty(body, "methodName");
  if (typeof name !== "string" || name === "") return invalid("methodName must be a string that is not empty.");
  if (name.length > NAME_LIMIT) return invalid(`methodName must not be longer than ${NAME_LIMIT} characters.`);
  if (forbiddenInName.test(name))
    return invalid(`methodName '${name}' has a character that a method name must not have.`);
  const payload = ownProperty(body, "payload");
  const payloadText = payload === undefined ? "" : JSON.stringify(payload);
  if (Buffer.byteLength(payloadText) > METHOD_PAYLOAD_LIMIT_BYTES) {
    const limit = `${METHOD_PAYLOAD_LIMIT_BYTES} bytes`;
    return failure(tooLarge(`The method payload is larger than ${limit}.`, "nested"));
  }
  const response = seconds(ownProperty(body, "responseTimeoutInSeconds"), DEFAULT_RESPONSE_TIMEOUT_S);
  const connect = seconds(ownProperty(body, "connectTimeoutInSeconds"), 0);
  const error = checkTimeouts(response, connect);
  if (error !== undefined || response === undefined || connect === undefined) {
    return failure(error ?? argumentInvalid("Timeouts must be whole seconds.", "nested"));
  }
  return success({ name, payload: payloadText, connectTimeoutMs: connect * 1000, responseTimeoutMs: response * 1000 });
}

// The first sentence is recorded in Azure/azure-iot-sdk-csharp #724; that the connect timeout may not be the longer one
// is recorded against a live hub in mwalser/terraform-provider-iothub, CONCEPT.md, "Direct methods".
function checkTimeouts(response: number | undefined, connect: number | undefined): ErrorResponse | undefined {
  if (response === undefined || response < 5 || response > 300) {
    return argumentInvalid("responseTimeoutInSeconds must be within [5; 300].", "nested");
  }
  if (connect === undefined || connect < 0 || connect > 300) {
    return argumentInvalid("connectTimeoutInSeconds must be within [0; 300].", "nested");
  }
  if (connect <= response) return undefined;
  return argumentInvalid(
    `Device connection timeout (${connect} s) cannot be longer than an overall call timeout (${response} s).`,
    "nested",
  );
}

function seconds(value: Json | undefined, otherwise: number): number | undefined {
  if (value === undefined || value === null) return otherwise;
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

/** The caller's response body: the device's status and payload. The payload of an empty response is null. */
export function parseMethodResponse(status: number, payload: Buffer): Result<{ status: number; payload: Json }> {
  if (payload.length > METHOD_PAYLOAD_LIMIT_BYTES) {
    const limit = `${METHOD_PAYLOAD_LIMIT_BYTES} bytes`;
    return failure(badDeviceResponse(`The response of the device is larger than ${limit}.`));
  }
  if (payload.length === 0) return success({ status, payload: null });
  const value = parseJson(payload.toString());
  if (value === undefined) return failure(badDeviceResponse("The response of the device is not valid JSON."));
  return success({ status, payload: value });
}

function invalid(message: string): Result<never> {
  return failure(argumentInvalid(message, "nested"));
}
