import { basename } from "node:path";
import { canonicalJson } from "../../agent/contract/json.ts";
import type { TargetDescription } from "../../agent/contract/signed-target.ts";
import type { Contents } from "./contents.ts";
import type { TargetEntry, TargetFiles } from "./metadata.ts";

/* Decisions about one image that is to be published. Pure, but for the names of paths. */

/** Publishing would contradict what boards may have; the message says what to do. */
export class PublicationRefused extends Error {}

export interface ImageFile {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** The name of the file that it came from. */
  readonly name: string;
}

/** What boards see of it: the path of the target for each board. */
export type Placement = ReadonlyMap<string, string>;

/**
 * The lists of the boards with this image in them.
 * @returns also the path of the image in each list, and whether nothing changes
 * @throws PublicationRefused for a version that is published with other bytes, and for bytes that are published as another version
 */
export function addImage(
  contents: Pick<Contents, "boards">,
  image: ImageFile,
  description: TargetDescription,
): { readonly boards: ReadonlyMap<string, TargetFiles>; readonly paths: Placement; readonly isUnchanged: boolean } {
  const boards = new Map<string, TargetFiles>();
  const paths = new Map<string, string>();
  let isUnchanged = true;
  for (const board of description.boards) {
    const files = new Map<string, TargetEntry>(contents.boards.get(board)?.files);
    const former = [...files].find(([, entry]) => entry.description.version === description.version);
    const same = [...files].find(([, entry]) => entry.sha256 === image.sha256);
    if (former !== undefined && former[1].sha256 !== image.sha256) {
      throw new PublicationRefused(
        `Version ${description.version} for ${board} is published already, with other bytes (SHA-256 ${former[1].sha256.slice(0, 16)}…). ` +
          `Publish under a new version; or take that one away first: boardkeeper repo retire ${description.version} --board ${board}`,
      );
    }
    if (same !== undefined && same[1].description.version !== description.version) {
      throw new PublicationRefused(
        `These bytes are published for ${board} already, as version ${same[1].description.version}: a board would not know which of the two it runs. ` +
          `Retire that one first: boardkeeper repo retire ${same[1].description.version} --board ${board}`,
      );
    }
    const path = former?.[0] ?? freePath(board, image, description.version, files);
    const entry = { sha256: image.sha256, sizeBytes: image.sizeBytes, description };
    if (former === undefined || canonicalJson(former[1].description) !== canonicalJson(description))
      isUnchanged = false;
    // To the end: the oldest comes first.
    files.delete(path);
    files.set(path, entry);
    boards.set(board, files);
    paths.set(board, path);
  }
  return { boards, paths, isUnchanged };
}

/** The list of a board without a version. @throws PublicationRefused when it is not there */
export function removeVersion(
  contents: Pick<Contents, "boards">,
  board: string,
  version: string,
): { readonly files: TargetFiles; readonly path: string; readonly entry: TargetEntry } {
  const files = new Map(contents.boards.get(board)?.files);
  const found = [...files].find(([, { description }]) => description.version === version);
  if (found === undefined) {
    const versions = [...files.values()].map(({ description }) => description.version);
    const known = versions.length === 0 ? "It has no image." : `It has: ${versions.join(", ")}.`;
    throw new PublicationRefused(`${board} has no version ${version}. ${known}`);
  }
  const [path, entry] = found;
  files.delete(path);
  return { files, path, entry };
}

/** The highest epoch of what these boards have: what comes next is not older. 0 for the first. */
export function newestEpoch(contents: Pick<Contents, "boards">, boards: readonly string[]): number {
  const entries = boards.flatMap((board) => [...(contents.boards.get(board)?.files.values() ?? [])]);
  return Math.max(0, ...entries.map(({ description }) => description.epoch));
}

const endings = /\.(?:tar|tgz|txz|tzst|gz|xz|zst|img|bin|wic|raw|raucb|swu)$/i;

/** The version that a file's name ends with, where it has one number of that kind: "app-1.2.0.tar.gz"; undefined elsewhere. */
export function versionInName(file: string): string | undefined {
  const stem = withoutEndings(basename(file));
  const numbers = stem.match(/\d+(?:\.\d+)+/g) ?? [];
  const [, version] = /(?:^|[-_ ]v?)(\d+(?:\.\d+)+)$/.exec(stem) ?? [];
  return numbers.length === 1 ? version : undefined;
}

function withoutEndings(name: string): string {
  let stem = name;
  while (endings.test(stem)) stem = stem.replace(endings, "");
  return stem;
}

/** A path that no other image of the board has, in characters that URLs and all file systems take. */
function freePath(board: string, { name, sha256 }: ImageFile, version: string, files: TargetFiles): string {
  const plain = (text: string): string => text.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "");
  const stem = plain(withoutEndings(name)).slice(0, 80) || "image";
  const ending = plain(name.slice(withoutEndings(name).length)).slice(0, 20);
  const dotted = ending === "" ? "" : `.${ending}`;
  const withVersion = stem.includes(plain(version)) ? stem : `${stem}-${plain(version)}`;
  const path = `${board}/${withVersion}${dotted}`;
  return files.has(path) ? `${board}/${withVersion}-${sha256.slice(0, 12)}${dotted}` : path;
}
