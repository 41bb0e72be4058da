import * as v from "valibot";
import { faultKind, faultNames, hasValidParameters, isFaultName, parameterErrors, withDefaults } from "./catalog.ts";
import type { FaultName, ParametersOf } from "./catalog.ts";
import { endpoints } from "./fault-kind.ts";
import type { Endpoint, ParameterValue } from "./fault-kind.ts";
import type { FaultOptions } from "./fault.ts";

/** An unknown fault, or invalid parameters or options. The message lists everything that is wrong, and what is valid. */
export class InvalidFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidFault";
  }
}

export interface FaultRequest {
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: FaultOptions;
}

/** 14 days: longer than any test. */
const LONGEST_MS = 14 * 24 * 60 * 60 * 1000;

const duration = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LONGEST_MS));
const optionsSchema = v.strictObject({
  deviceId: v.exactOptional(v.string()),
  moduleId: v.exactOptional(v.string()),
  on: v.exactOptional(v.pipe(v.array(v.picklist(endpoints)), v.minLength(1))),
  times: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  forMs: v.exactOptional(duration),
  afterMs: v.exactOptional(duration),
});

/** The requested fault, with defaults filled in. `reachable`: the endpoints that faults of this hub can act on. Throws InvalidFault. */
export function parseFaultRequest(
  name: string,
  given: object,
  wanted: object,
  reachable: readonly Endpoint[] = endpoints,
): FaultRequest {
  if (!isFaultName(name)) throw new InvalidFault(`Unknown fault '${name}'. Faults: ${faultNames().join(", ")}.`);
  const values = withDefaults(name, { ...given });
  const read = v.safeParse(optionsSchema, wanted);
  const wrong = parameterErrors(name, values);
  if (!read.success) {
    wrong.push(...read.issues.map((issue) => `${v.getDotPath(issue) ?? "options"}: ${issue.message}`));
  } else {
    wrong.push(...optionErrors(name, read.output, reachable));
  }
  if (wrong.length > 0 || !read.success) {
    throw new InvalidFault(`Invalid parameters for fault '${name}': ${wrong.join("; ")}.`);
  }
  return { name, parameters: scalarValues(values), options: read.output };
}

/** The parameters of a parsed fault, with their own types. */
export function typedParameters<N extends FaultName>(name: N, parameters: object): ParametersOf<N> {
  if (hasValidParameters(name, parameters)) return parameters;
  throw new Error(`The fault '${name}' was added with invalid parameters.`);
}

/** The options that this kind of fault does not support. */
function optionErrors(name: FaultName, options: FaultOptions, reachable: readonly Endpoint[]): string[] {
  const kind = faultKind(name);
  const { deviceId, moduleId, on = [], times, forMs } = options;
  const wrong: string[] = [];
  if (moduleId !== undefined && deviceId === undefined) wrong.push("moduleId needs deviceId");
  if (deviceId !== undefined && !kind.forOne) wrong.push("it cannot be limited to a device: leave deviceId out");
  const unsupported = on.filter((endpoint) => !kind.on.includes(endpoint));
  if (unsupported.length > 0) wrong.push(`it does not act on ${unsupported.join(", ")}, but on ${kind.on.join(", ")}`);
  const meant = (options.on ?? kind.on).filter((endpoint) => kind.on.includes(endpoint));
  if (meant.length > 0 && !meant.some((endpoint) => reachable.includes(endpoint))) {
    wrong.push(`${meant.join(", ")} is served by another process here, where faults cannot act`);
  }
  if (kind.acts === "now" && (times ?? forMs) !== undefined) {
    wrong.push("it acts once, when it is added: leave times and forMs out");
  }
  if (kind.acts === "port" && times !== undefined) wrong.push("refused connections cannot be counted: leave times out");
  return wrong;
}

function scalarValues(values: Readonly<Record<string, unknown>>): Record<string, ParameterValue> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, ParameterValue] =>
      ["number", "string"].includes(typeof entry[1]),
    ),
  );
}
