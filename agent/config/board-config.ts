import { toBoardName } from "../contract/signed-target.ts";
import type { Checked } from "../contract/check.ts";

/*
 * The parser of /etc/boardkeeper/board.conf: what root's helper obeys. Lines of `key = value`, comments after "#" at the
 * beginning of a line, lists separated by spaces. No quotes, and plain ASCII but for comments, so that shell scripts read the same
 * in it: systemd/libexec/restart-helper does.
 */

export interface BoardConfig {
  /** The names of this board in signed metadata; empty: those that its hardware gives it. */
  readonly compatible: readonly string[];
  /** Whether images that nobody has signed are installed while the board has no trust root. */
  readonly allowUnsigned: boolean;
  /** Whether an update is refused while timestamp or snapshot are out of date. */
  readonly refuseStale: boolean;
  /** The units that the installer `release` restarts. */
  readonly releaseUnits: readonly string[];
  /** How many releases it keeps, the running one included. */
  readonly releaseKeep: number;
}

/** Of a board without the file. */
export const defaultBoardConfig: BoardConfig = {
  compatible: [],
  allowUnsigned: false,
  refuseStale: false,
  releaseUnits: [],
  releaseKeep: 3,
};

/** More than 32 names fit no target. */
const mostNames = 32;
const mostUnits = 16;
/** systemd.unit(5): a unit's name, with its type. Units of other types cannot be restarted; to restart the agent's would end the update. */
const unitName = /^(?!boardkeeper-)[A-Za-z0-9][\w:.\\@-]{0,240}\.(?:service|socket|target|timer|path)$/;

/** Reads one value: returns it, or what it should be. */
type Read = (value: string) => Partial<BoardConfig> | string;

const keys: Readonly<Record<string, Read>> = {
  "board.compatible": (value) => {
    const names = wordsIn(value);
    const isNames = names.length > 0 && names.length <= mostNames && names.every((name) => toBoardName(name) === name);
    return isNames
      ? { compatible: names }
      : `1 to ${mostNames} names of up to 64 letters, digits, and , . _ + -, separated by spaces`;
  },
  "update.allow-unsigned": (value) => yesOrNo(value, (allowUnsigned) => ({ allowUnsigned })),
  "update.refuse-stale": (value) => yesOrNo(value, (refuseStale) => ({ refuseStale })),
  "release.units": (value) => {
    const units = wordsIn(value);
    const isUnits = units.length > 0 && units.length <= mostUnits && units.every((unit) => unitName.test(unit));
    return isUnits
      ? { releaseUnits: units }
      : `1 to ${mostUnits} names of units such as app.service, separated by spaces, none of them the agent's own`;
  },
  "release.keep": (value) =>
    /^(?:[2-9]|[1-9]\d)$/.test(value) ? { releaseKeep: Number(value) } : "a number from 2 to 99",
};

/** The keys that there are. */
export const boardConfigKeys: readonly string[] = Object.keys(keys);

/** Parses the text of board.conf. Everything in it must be understood: root obeys it, so a slip must not pass for consent. */
export function parseBoardConfig(text: string): Checked<BoardConfig> {
  const config = { ...defaultBoardConfig };
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [index, written] of text.split("\n").entries()) {
    const line = written.replaceAll(/^[ \t]+|[ \t]+$/g, "");
    if (line === "" || line.startsWith("#")) continue;
    const at = `line ${index + 1}`;
    if (!/^[ -~\t]+$/.test(line)) {
      problems.push(`${at}: only ASCII is understood, without a byte order mark, and with Unix line ends`);
      continue;
    }
    const [, key, value] = /^([a-z][a-z.-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    const read = key === undefined || !Object.hasOwn(keys, key) ? undefined : keys[key];
    if (key === undefined || value === undefined) problems.push(`${at}: expected key = value`);
    else if (read === undefined)
      problems.push(`${at}: ${key} is not a known key; the keys are ${boardConfigKeys.join(", ")}`);
    else if (seen.has(key)) problems.push(`${at}: ${key} is there twice`);
    else {
      seen.add(key);
      const found = read(value);
      if (typeof found === "string") problems.push(`${at}: ${key}: expected ${found}`);
      else Object.assign(config, found);
    }
  }
  const [first, ...more] = problems;
  return first === undefined ? { ok: true, value: config } : { ok: false, problems: [first, ...more] };
}

function yesOrNo(value: string, set: (isYes: boolean) => Partial<BoardConfig>): Partial<BoardConfig> | string {
  return value === "yes" || value === "no" ? set(value === "yes") : "yes or no";
}

/** The words of a list, each once. */
function wordsIn(value: string): string[] {
  return [...new Set(value.split(/\s+/).filter((word) => word !== ""))];
}
