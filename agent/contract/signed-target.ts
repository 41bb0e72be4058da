import * as v from "valibot";
import { isIntegerBetween, isMatchingText, rule, sha256Hex } from "./check.ts";
import { firmwareVersion, largestImageBytes } from "./methods.ts";

/*
 * What publisher and board agree on about signed metadata. The format of the files is TUF's (The Update Framework, 1.0.31);
 * here is what we write into the parts that TUF leaves open, and how large each may be. docs/repository.md explains it.
 */

/** The largest metadata file, in bytes. A longer one is not read to its end. */
export const maxMetadataBytes = 65_536;
/** The most targets that one role lists. */
export const maxTargetsPerRole = 50;
/** The most versions of the root that a board follows in one refresh. */
export const maxRootRotations = 256;

/** A board's name as it is written into metadata: also the name of the role that lists the board's targets. */
export const boardName = rule<string>(
  "a board's name of 1 to 64 letters, digits, and , . _ + -, beginning with a letter or digit",
  (value) => isMatchingText(/^[A-Za-z0-9][\w,.+-]*$/, 64)(value) && !topLevelRoles.has(value),
);
/** Names that TUF keeps for itself. */
const topLevelRoles: ReadonlySet<string> = new Set(["root", "targets", "snapshot", "timestamp"]);

/**
 * A name from the device tree, from the DMI or from the owner, in the form of `boardName`; undefined where nothing is left of
 * it. Every other character becomes "-": "Standard PC (Q35)" is "Standard-PC-Q35".
 */
export function toBoardName(text: string): string | undefined {
  const name = text
    .trim()
    .replaceAll(/[^\w,.+-]+/g, "-")
    .replaceAll(/^[^A-Za-z0-9]+|-+$/g, "")
    .slice(0, 64);
  return name === "" || topLevelRoles.has(name) ? undefined : name;
}

/** The name of a target after its digest, in its path `BOARD/SHA256.NAME` or `BOARD/NAME`: nothing that an address or a shell takes for more. */
const targetFileName = /^[A-Za-z0-9][\w.,+~-]{0,199}$/;

/** The path of a target below `targets/`, of a role's board: `BOARD/NAME`. */
export function isTargetPath(board: string, path: string): boolean {
  return path.startsWith(`${board}/`) && targetFileName.test(path.slice(board.length + 1));
}

/**
 * Where a target's bytes lie in a repository, from its folder or URL on: `targets/BOARD/SHA256.NAME` [TUF 1.0.31, 6.2].
 * @param path of the target: `BOARD/NAME`
 */
export function targetFilePath(path: string, sha256: string): string {
  const parts = path.split("/");
  return ["targets", ...parts.slice(0, -1), `${sha256}.${parts.at(-1) ?? ""}`].join("/");
}

/**
 * What a root's fingerprint is the SHA-256 of, in UTF-8: the keys of the role `root`, and how many of them must sign. It stays the
 * same while these do, whatever else of the root changes.
 * @param keyIds of the role `root`
 */
export function rootFingerprintText(threshold: number, keyIds: readonly string[]): string {
  return [`boardkeeper-root-1 ${threshold}`, ...[...keyIds].sort()].join("\n");
}

const epoch = rule<number>("a whole number from 0 on", isIntegerBetween(0, Number.MAX_SAFE_INTEGER));
/** `1.2.3`, as our releases are numbered. */
const agentVersion = rule<string>("a version such as 1.2.3", isMatchingText(/^\d{1,9}\.\d{1,9}\.\d{1,9}$/, 29));
const installerName = rule<string>("an installer's name", isMatchingText(/^[a-z][a-z0-9-]*$/, 32));
const notes = rule<string>("at most 1000 characters", isMatchingText(/^[^\0]*$/u, 1_000));

/** The `custom` object of a target in TUF's targets metadata: what its publisher says of an image. */
export const signedTargetSchema = v.object({
  version: firmwareVersion,
  /** The order that the publisher gives to versions, which are free text: a board's floor rises with it. */
  epoch,
  kind: v.picklist(["security", "feature"]),
  /** The boards it is for. */
  boards: v.pipe(v.array(boardName), v.minLength(1), v.maxLength(32)),
  /** The oldest agent that may install it. */
  minAgent: v.optional(agentVersion),
  /** The lowest floor of a board that may install it: an update between must come first. */
  minPrevious: v.optional(epoch),
  /** The installer it is made for: release, command … */
  installer: installerName,
  /** What that installer must know. */
  options: v.record(v.string(), v.unknown()),
  /** Of what lies in the file: for an archive that is compressed, of the archive without compression. */
  contentSha256: sha256Hex,
  contentSize: rule<number>("a size in bytes", isIntegerBetween(1, largestImageBytes)),
  sbomSha256: v.optional(sha256Hex),
  notes: v.optional(notes),
});
export type TargetDescription = Readonly<v.InferOutput<typeof signedTargetSchema>>;

/** The `custom` object of our timestamp metadata: when its publisher signed it, by the publisher's clock. */
export const timestampCustomSchema = v.object({
  issued: rule<string>("a time in ISO 8601", isMatchingText(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/, 30)),
});
