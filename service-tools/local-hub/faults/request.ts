import { parameterErrors, faultNames, hasValidParameters, isFaultName, faultKind, withDefaults } from "./catalogue.ts";
import type { FaultName, ParametersOf } from "./catalogue.ts";
import type { FaultOptions } from "./fault.ts";
import type { ParameterValue } from "./parameters.ts";
import * as v from "valibot";
import { endpoints } from "./scope.ts";
import type { Endpoint } from "./scope.ts";

/** A fault that there is not, or not like this. The message lists everything that is wrong, and what there is. */
export class InvalidFault extends Error {
  constructor(why: string) {
    super(why);
    this.name = "BadFault";
  }
}

export interface FaultRequest {
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: FaultOptions;
}

/** A fortnight: a rehearsal that lasts longer is none. */
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

/** The fault that is asked for, defaults filled in. `reach`: the ways in that this hub's faults can act on. Throws BadFault. */
export function parseFaultRequest(
  name: string,
  given: object,
  wanted: object,
  reach: readonly Endpoint[] = endpoints,
): FaultRequest {
  if (!isFaultName(name)) throw new InvalidFault(`There is no fault '${name}'. There are: ${faultNames().join(", ")}.`);
  const values = withDefaults(name, { ...given });
  const read = v.safeParse(optionsSchema, wanted);
  const wrong = parameterErrors(name, values);
  if (!read.success) {
    wrong.push(...read.issues.map((issue) => `${v.getDotPath(issue) ?? "options"}: ${issue.message}`));
  } else {
    wrong.push(...optionErrors(name, read.output, reach));
  }
  if (wrong.length > 0 || !read.success)
    throw new InvalidFault(`The fault '${name}' cannot be like this: ${wrong.join("; ")}.`);
  return { name, parameters: scalarValues(values), options: read.output };
}

/** The parameters of a fault that was read, by their own types. */
export function typedParameters<N extends FaultName>(name: N, parameters: object): ParametersOf<N> {
  if (hasValidParameters(name, parameters)) return parameters;
  throw new Error(`The fault '${name}' was added with parameters that it does not have.`);
}

/** What a kind of fault cannot do. */
function optionErrors(name: FaultName, options: FaultOptions, reach: readonly Endpoint[]): string[] {
  const kind = faultKind(name);
  const { deviceId, moduleId, on = [], times, forMs } = options;
  const wrong: string[] = [];
  if (moduleId !== undefined && deviceId === undefined) wrong.push("moduleId goes with deviceId only");
  if (deviceId !== undefined && !kind.forOne) wrong.push("it cannot tell devices apart: leave deviceId out");
  const elsewhere = on.filter((surface) => !kind.on.includes(surface));
  if (elsewhere.length > 0) wrong.push(`it does not act on ${elsewhere.join(", ")}, but on ${kind.on.join(", ")}`);
  const meant = (options.on ?? kind.on).filter((surface) => kind.on.includes(surface));
  if (meant.length > 0 && !meant.some((surface) => reach.includes(surface))) {
    wrong.push(`${meant.join(", ")} is served by another process here, out of the reach of faults`);
  }
  if (kind.acts === "now" && (times ?? forMs) !== undefined) {
    wrong.push("it strikes once, when it is added: leave times and forMs out");
  }
  if (kind.acts === "port" && times !== undefined) wrong.push("nobody can count who was refused: leave times out");
  return wrong;
}

function scalarValues(values: Readonly<Record<string, unknown>>): Record<string, ParameterValue> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, ParameterValue] =>
      ["number", "string"].includes(typeof entry[1]),
    ),
  );
}
