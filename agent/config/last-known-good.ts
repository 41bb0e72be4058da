import * as v from "valibot";
import { check, type Checked } from "../contract/check.ts";

/** What a process was told on its command line. A kept configuration is for a process that is told the same. */
export interface LaunchArguments {
  readonly configFile: string | undefined;
  readonly simulate: boolean;
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
}

const nullableText = v.nullable(v.string());

const schema = v.object({
  version: v.literal(1),
  given: v.object({
    configFile: nullableText,
    simulate: v.boolean(),
    deviceId: nullableText,
    moduleId: nullableText,
  }),
  /** Every setting that was written anywhere, as it was written, the last of each name: other releases read it too. */
  values: v.record(v.string(), v.unknown()),
  hubCa: nullableText,
  imageCa: nullableText,
  /** Null where it is not to be copied. */
  connectionString: nullableText,
  webSocketPort: v.nullable(v.number()),
});

/** A configuration without a mistake, with which the agent has reached its hub: what a start falls back upon. */
export type LastKnownGood = v.InferOutput<typeof schema>;

/** A configuration on its way to the disk. */
export function serializeLastKnownGood(given: LaunchArguments, good: Omit<LastKnownGood, "version" | "given">): string {
  const { configFile = null, simulate, deviceId = null, moduleId = null } = given;
  const whole: LastKnownGood = { version: 1, given: { configFile, simulate, deviceId, moduleId }, ...good };
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}

/**
 * Reads what was kept, for a process that was given this. Two agents may share a usual state folder when the files that
 * name their own cannot be read any more, so a configuration that another command line made is not for this one.
 */
export function parseLastKnownGood(text: string, given: LaunchArguments): Checked<LastKnownGood> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return { ok: false, problems: ["is not JSON: it was damaged"] }; // The parser would repeat a part of the text.
  }
  const checked = check(schema, read);
  if (!checked.ok) return { ok: false, problems: ["has another form"] }; // Which key, could repeat a part too.
  const made = checked.value.given;
  const isSame =
    made.configFile === (given.configFile ?? null) &&
    made.simulate === given.simulate &&
    made.deviceId === (given.deviceId ?? null) &&
    made.moduleId === (given.moduleId ?? null);
  return isSame ? checked : { ok: false, problems: ["is of an agent that was started with other arguments"] };
}

/**
 * The state folder that a TOML file names although it cannot be parsed: the line that says so is as a rule not the line that
 * was broken.
 */
export function stateDirInBrokenToml(brokenToml: string): string | undefined {
  return /^\s*(?:agent\.)?state-dir\s*=\s*(["'])(\/[^"'\\\n]*)\1/m.exec(brokenToml)?.[2];
}
