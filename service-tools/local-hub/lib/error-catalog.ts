import type { Envelope, ErrorResponse } from "./error-response.ts";

/* The error responses of this hub, in the real hub's words wherever they are on record. */

const classic = (code: number, name: string, message: string, hint?: string): ErrorResponse => ({
  code,
  name,
  message,
  envelope: "classic",
  ...(hint === undefined ? {} : { hint }),
});

// Recorded in Azure/azure-iot-sdk-java, ErrorMessageParserTest: "ErrorCode:IotHubUnauthorizedAccess;Unauthorized".
export const unauthorized = (hint: string): ErrorResponse =>
  classic(401_002, "IotHubUnauthorizedAccess", "Unauthorized", hint);

/** For requests with a SAS token about modules of a device that does not exist or is disabled. */
export const unauthorizedModules = (hint: string): ErrorResponse => ({
  code: 401_002,
  name: "IotHubUnauthorizedAccess",
  message: "Unauthorized access",
  envelope: "nested",
  hint,
});

export const deviceNotFound = (deviceId: string): ErrorResponse =>
  classic(404_001, "DeviceNotFound", deviceId, `no device '${deviceId}' is registered in this hub`);

// Recorded in Azure/azure-sdk-for-net, SessionRecords of Azure.Iot.Hub.Service, and Azure/azure-iot-sdk-csharp #3442.
export const deviceAlreadyExists = (deviceId: string): ErrorResponse =>
  classic(409_001, "DeviceAlreadyExists", `A device with ID '${deviceId}' is already registered.`);

export const moduleNotFound = (deviceId: string, moduleId: string): ErrorResponse => ({
  code: 404_010,
  name: "ModuleNotFound",
  message: `Device ${deviceId} does not contain Module ${moduleId}.`,
  envelope: "bare",
});

export const moduleAlreadyExists = (deviceId: string, moduleId: string, hubName: string): ErrorResponse => ({
  code: 409_301,
  name: "ModuleAlreadyExistsOnDevice",
  message: `Device ${deviceId} in IotHub ${hubName} already contains Module ${moduleId}.`,
  envelope: "bare",
});

export const tooManyModules = (deviceId: string, limit: number): ErrorResponse => ({
  code: 413_003,
  name: "TooManyModulesOnDevice",
  message: `Device ${deviceId} already contains ${limit} modules.`,
  envelope: "bare",
});

export const etagMissing = (): ErrorResponse => classic(412_001, "PreconditionFailed", "Etag missing");

export const identityEtagMismatch = (): ErrorResponse =>
  classic(412_001, "PreconditionFailed", "PreconditionFailed", "the If-Match header is not the identity's etag");

export const twinEtagMismatch = (deviceId: string): ErrorResponse =>
  classic(412_001, "PreconditionFailed", `ETag mismatch for device ID '${deviceId}'`);

export const argumentInvalid = (message: string, envelope: Envelope = "classic"): ErrorResponse => ({
  code: 400_004,
  name: "ArgumentInvalid",
  message,
  envelope,
});

export const argumentNull = (message: string): ErrorResponse => classic(400_005, "ArgumentNull", message);

/** For an invalid query. The real hub says no more than this, so the reason is a hint. */
export const badQuery = (hint: string): ErrorResponse => classic(400_004, "ArgumentInvalid", "BadRequest", hint);

export const malformedJson = (hint: string): ErrorResponse =>
  classic(400_006, "IotHubFormatError", "The request body is not valid JSON.", hint);

export const invalidProtocolVersion = (hint: string): ErrorResponse =>
  classic(400_001, "InvalidProtocolVersion", "The api-version of the request is missing or not supported.", hint);

export const tooLarge = (message: string, envelope: Envelope = "classic"): ErrorResponse => ({
  code: 413_001,
  name: "MessageTooLarge",
  message,
  envelope,
});

/** The names that the real hub gives the sections of a twin. */
const sectionNames = { tags: "Tags", desired: "Properties.Desired", reported: "Properties.Reported" } as const;

// Word for word as recorded in Azure/iotedge #7035 (a report over MQTT) and #1694 (a write over REST).
export const twinTooLarge = (section: keyof typeof sectionNames, limitBytes: number): ErrorResponse =>
  classic(
    403_100,
    "DeviceModelMaxPropertiesExceeded",
    `'${sectionNames[section]}' size should be less than ${limitBytes} bytes.`,
  );

// Word for word as recorded in Azure/iotedge #6547.
export const twinStringTooLong = (key: string, limitBytes: number): ErrorResponse =>
  argumentInvalid(`Property or Tag value should be maximum ${limitBytes} bytes. Error in Property/Tag ${key}`);

// Word for word as recorded in Azure/azure-iot-cli-extension #693.
export const twinNullValue = (key: string): ErrorResponse =>
  argumentInvalid(`Value of Property or Tag cannot be null. Error in Property/Tag ${key}`);

// The codes and names are those of azure-iot-sdk-csharp, ErrorCode.cs.
export const hubSuspended = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 403_001,
  name: "IotHubSuspended",
  message: "The IoT hub is suspended.",
  envelope,
});

export const hubFailingOver = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 404_012,
  name: "IotHubFailingOver",
  message: "The IoT hub is failing over to its paired region.",
  envelope,
});

// The names are those of MicrosoftDocs, troubleshoot-error-codes.
export const notInTier = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 403_010,
  name: "OperationNotAvailableInCurrentTier",
  message: "The operation is not available in the current tier.",
  envelope,
});

export const deviceDisabled = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 403_012,
  name: "DeviceDisabled",
  message: "The device has been disabled.",
  envelope,
});

export const tooManyMethods = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 403_800,
  name: "DeviceMaximumInflightMethodExceeded",
  message: "The device maximum in-flight method limit has been exceeded.",
  envelope,
});

// Recorded in Azure/azure-iot-sdk-csharp #3442 (2024).
export const deviceNotOnline = (connectTimeoutMs: number): ErrorResponse => ({
  code: 404_103,
  name: "DeviceNotOnline",
  message:
    "The operation failed because the requested device isn't online or hasn't registered the direct method callback. " +
    "To learn more, see https://aka.ms/iothub404103",
  info: { timeout: timeSpan(connectTimeoutMs) },
  envelope: "nested",
});

/** For methods: their errors are nested, the registry's classic. */
export const methodTargetNotFound = (target: string): ErrorResponse => ({
  code: 404_001,
  name: "DeviceNotFound",
  message: `The operation failed because '${target}' isn't registered in this hub.`,
  envelope: "nested",
});

// "Device unavailable ==> device initiates disconnect": Azure/azure-iot-sdk-csharp #317.
export const deviceDisconnected = (): ErrorResponse => ({
  code: 404_104,
  name: "DeviceConnectionClosedRemotely",
  message: "Device unavailable",
  envelope: "nested",
});

// Recorded in MicrosoftDocs/azure-docs, the Video Analyzer troubleshooting article.
export const responseTimedOut = (): ErrorResponse => ({
  code: 504_101,
  name: "GatewayTimeout",
  message: "Timed out waiting for the response from device.",
  info: {},
  envelope: "nested",
});

// Recorded on Microsoft Q&A, "What would happens to Iot hub messages if daily message limit is exceeded?" (2019).
export const quotaExceeded = (hubName: string): ErrorResponse => ({
  code: 403_002,
  name: "IotHubQuotaExceeded",
  message:
    `Total number of messages on IotHub '${hubName}' exceeded the allocated quota. Max allowed message count : '8000', current ` +
    "message count : '8448'. Send and Receive operations are blocked for this hub until the next UTC day. Consider increasing the " +
    "units for this hub to increase the quota.",
  envelope: "nested",
});

// The codes of these are those of azure-iot-sdk-csharp, ErrorCode.cs.
export const throttled = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 429_001,
  name: "ThrottlingException",
  message: "The throttling limits of this hub are exceeded for the requested operation.",
  envelope,
});

export const serviceUnavailable = (envelope: Envelope = "bare"): ErrorResponse => ({
  code: 503_001,
  name: "ServiceUnavailable",
  message: "The hub is currently unable to process the request.",
  envelope,
});

export const badDeviceResponse = (message: string): ErrorResponse => ({
  code: 502_000,
  name: "GenericBadGateway",
  message,
  envelope: "nested",
});

export const noSuchResource = (hint: string): ErrorResponse =>
  classic(404_000, "GenericNotFound", "The requested resource does not exist.", hint);

export const serverError = (hint: string): ErrorResponse =>
  classic(500_001, "ServerError", "The hub could not carry out the request.", hint);

/** .NET's TimeSpan, hh:mm:ss. */
function timeSpan(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  const parts = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
