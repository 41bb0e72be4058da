import { complaints, faultNames, fits, isFaultName, kindOf, withDefaults } from "./catalogue.ts";
import type { FaultName, ParametersOf } from "./catalogue.ts";
import type { FaultOptions } from "./fault.ts";
import type { Value } from "./parameters.ts";
import * as v from "valibot";
import { surfaces } from "./scope.ts";
import type { Surface } from "./scope.ts";

/** A fault that there is not, or not like this. The message lists everything that is wrong, and what there is. */
export class BadFault extends Error {
  constructor(why: string) {
    super(why);
    this.name = "BadFault";
  }
}

export interface FaultRequest {
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, Value>>;
  readonly options: FaultOptions;
}

/** A fortnight: a rehearsal that lasts longer is none. */
const LONGEST_MS = 14 * 24 * 60 * 60 * 1000;

const duration = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LONGEST_MS));
const optionsSchema = v.strictObject({
  deviceId: v.exactOptional(v.string()),
  moduleId: v.exactOptional(v.string()),
  on: v.exactOptional(v.pipe(v.array(v.picklist(surfaces)), v.minLength(1))),
  times: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  forMs: v.exactOptional(duration),
  afterMs: v.exactOptional(duration),
});

/** The fault that is asked for, defaults filled in. `reach`: the ways in that this hub's faults can act on. Throws BadFault. */
export function readFault(
  name: string,
  given: object,
  wanted: object,
  reach: readonly Surface[] = surfaces,
): FaultRequest {
  if (!isFaultName(name)) throw new BadFault(`There is no fault '${name}'. There are: ${faultNames().join(", ")}.`);
  const values = withDefaults(name, { ...given });
  const read = v.safeParse(optionsSchema, wanted);
  const wrong = complaints(name, values);
  if (!read.success) {
    wrong.push(...read.issues.map((issue) => `${v.getDotPath(issue) ?? "options"}: ${issue.message}`));
  } else {
    wrong.push(...misfits(name, read.output, reach));
  }
  if (wrong.length > 0 || !read.success)
    throw new BadFault(`The fault '${name}' cannot be like this: ${wrong.join("; ")}.`);
  return { name, parameters: plain(values), options: read.output };
}

/** The parameters of a fault that was read, by their own types. */
export function typed<N extends FaultName>(name: N, parameters: object): ParametersOf<N> {
  if (fits(name, parameters)) return parameters;
  throw new Error(`The fault '${name}' was added with parameters that it does not have.`);
}

/** What a kind of fault cannot do. */
function misfits(name: FaultName, options: FaultOptions, reach: readonly Surface[]): string[] {
  const kind = kindOf(name);
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

function plain(values: Readonly<Record<string, unknown>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, Value] => ["number", "string"].includes(typeof entry[1])),
  );
}
