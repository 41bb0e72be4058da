import { kinds, choice, range } from "./fault-kind.ts";

const overRest = ["rest"] as const;
const operation = choice("any", "methods", "twins", "registry", "query");
const when = choice("before", "after");

/** Faults of the REST API. Limited to one device means: requests whose path names it. */
export const restKinds = kinds({
  "rest-refused": {
    summary: "A request is answered with this status or error code and not carried out.",
    like:
      "429001 ThrottlingException, 500001 ServerError, 503001 ServiceUnavailable, 403001 IotHubSuspended, 404012 IotHubFailingOver " +
      "(the error codes of azure-iot-sdk-csharp); 403010 OperationNotAvailableInCurrentTier, 403012 DeviceDisabled, 403800 " +
      "DeviceMaximumInflightMethodExceeded (troubleshoot-error-codes); Retry-After " +
      "as for other services of Azure (Azure/azure-iot-sdk-csharp #1042)",
    on: overRest,
    acts: "occasion",
    forOne: true,
    parameters: {
      operation,
      status: choice("429", "500", "503", "403001", "403010", "403012", "403800", "404012"),
      retryAfterS: range(0, 3_600, [1, 30], 0),
      body: choice("documented", "empty"),
    },
  },
  "rest-stalled": {
    summary: "A request is not answered until the fault ends; it waits before or after it is carried out.",
    like: "a hub that hangs; azure-iothub has no timeout for that",
    on: overRest,
    acts: "connection",
    forOne: true,
    parameters: { operation, when },
  },
  "rest-cut": {
    summary:
      "The connection is closed instead of a response, before or after the request is carried out. The caller cannot know which.",
    like: "a load balancer whose back end crashed during a request",
    on: overRest,
    acts: "occasion",
    forOne: true,
    parameters: { operation, when },
  },
});
