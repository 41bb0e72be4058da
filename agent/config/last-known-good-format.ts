import * as v from "valibot";
import { check, type Checked } from "../contract/check.ts";
import type { LaunchArguments } from "./launch-options.ts";

const nullableText = v.nullable(v.string());

const schema = v.object({
  version: v.literal(1),
  given: v.object({
    configFile: nullableText,
    simulate: v.boolean(),
    deviceId: nullableText,
    moduleId: nullableText,
  }),
  /** Every setting that is set anywhere, as it was written, because other releases read it too; the last of each name. */
  values: v.record(v.string(), v.unknown()),
  hubCa: nullableText,
  imageCa: nullableText,
  /** Null where it must not be copied. */
  connectionString: nullableText,
  webSocketPort: v.nullable(v.number()),
});

/** A configuration without mistakes, with which the agent has reached its hub. A start with mistakes falls back to it. */
export type LastKnownGood = v.InferOutput<typeof schema>;

/** The text of config.last-good.json. */
export function serializeLastKnownGood(given: LaunchArguments, good: Omit<LastKnownGood, "version" | "given">): string {
  const { configFile = null, simulate, deviceId = null, moduleId = null } = given;
  const whole: LastKnownGood = { version: 1, given: { configFile, simulate, deviceId, moduleId }, ...good };
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}

/**
 * Parses config.last-good.json for a process with these arguments. Where their configuration files cannot be read, two agents may
 * use the same default state folder, so a configuration that was stored with other arguments is refused.
 */
export function parseLastKnownGood(text: string, given: LaunchArguments): Checked<LastKnownGood> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return { ok: false, problems: ["is not JSON: it was damaged"] }; // The parser's message repeats a part of the text.
  }
  const checked = check(schema, read);
  if (!checked.ok) return { ok: false, problems: ["has another form"] }; // A key's name could be a secret too.
  const stored = checked.value.given;
  const isSame =
    stored.configFile === (given.configFile ?? null) &&
    stored.simulate === given.simulate &&
    stored.deviceId === (given.deviceId ?? null) &&
    stored.moduleId === (given.moduleId ?? null);
  return isSame ? checked : { ok: false, problems: ["is of an agent that was started with other arguments"] };
}

/**
 * The state folder that a broken TOML file names: usually its line is not the broken one. Undefined where there is no such
 * line.
 */
export function stateDirInBrokenToml(brokenToml: string): string | undefined {
  return /^\s*(?:agent\.)?state-dir\s*=\s*(["'])(\/[^"'\\\n]*)\1/m.exec(brokenToml)?.[2];
}
