import { sendMetadata } from "../board/local-api/client.ts";
import { folderSource } from "../board/trust/metadata-sources.ts";
import { openBelow } from "../board/trust/own-files.ts";
import { isJsonObject, sectionAt, textAt, type JsonObject } from "../contract/json.ts";
import { maxMetadataBytes, maxRootRotations, targetFilePath } from "../contract/signed-target.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import type { MetadataSource } from "../trust/ports.ts";
import { CommandFailed } from "./command-context.ts";

/* A signed repository in a folder, such as a USB stick's. This command reads it and trusts nothing: the agent verifies. */

/** An image that the agent has found in verified metadata. */
export interface RepositoryImage {
  readonly version: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly path: string;
}

/** An image's file, and how to close it. */
export interface OpenImage {
  /** Leads to the open file, whatever lies at its name by now. */
  readonly path: string;
  readonly sizeBytes: number;
  close(): Promise<void>;
}

/**
 * The metadata files that a board needs, by their names: the roots that it does not have, the timestamp, and what that leads to.
 * Whether they are signed is not asked.
 * @param boards the board's names
 * @param rootVersion of the root that it trusts; 0 where that is not known
 */
export async function collectMetadata(
  source: MetadataSource,
  boards: readonly string[],
  rootVersion: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const add = async (name: string): Promise<JsonObject | undefined> => {
    const bytes = await source.read(name, maxMetadataBytes);
    if (bytes === undefined) return undefined;
    files.set(name, bytes);
    return parse(name, bytes);
  };
  for (let version = rootVersion + 1; version <= rootVersion + maxRootRotations; version += 1)
    if ((await add(`${version}.root.json`)) === undefined) break;
  const timestamp = await add("timestamp.json");
  const snapshotVersion = timestamp === undefined ? undefined : versionOf(timestamp, "snapshot.json");
  const snapshot = snapshotVersion === undefined ? undefined : await add(`${snapshotVersion}.snapshot.json`);
  if (snapshot === undefined) return files;
  for (const role of ["targets", ...boards]) {
    const version = versionOf(snapshot, `${role}.json`);
    if (version !== undefined) await add(`${version}.${role}.json`);
  }
  return files;
}

/** The version that metadata says of another file. */
function versionOf(metadata: JsonObject, name: string): number | undefined {
  const { version } = sectionAt(sectionAt(sectionAt(metadata, "signed"), "meta"), name);
  return typeof version === "number" && Number.isSafeInteger(version) && version > 0 ? version : undefined;
}

function parse(name: string, bytes: Uint8Array): JsonObject {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (isJsonObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new CommandFailed(`${name} in the repository is not metadata: it was damaged. Copy the repository again.`);
}

/**
 * Passes a repository's metadata on to the agent.
 * @returns the images for this board, those of its most specific name first
 */
export async function offerRepository(
  folder: string,
  stateDir: string,
  board: { readonly names: readonly string[]; readonly rootVersion: number },
  advice: string,
): Promise<readonly RepositoryImage[]> {
  const files = await readRepository(folder, board);
  if (!files.has("timestamp.json"))
    throw new CommandFailed(
      `${folder} is not a repository: it has no metadata/timestamp.json. Name the folder that holds metadata/ and targets/.`,
    );
  const reply = await sendMetadata(stateDir, files);
  if (reply === undefined)
    throw new CommandFailed(`No agent is running, and only a running agent can install an image. ${advice}`);
  if (reply.status !== 200) {
    const code = textAt(sectionAt(reply.payload, "error"), "code");
    const sentence = textAt(reply.payload, "Response") ?? "it gave no reason";
    throw new CommandFailed(`The agent refused the repository${code === null ? "" : ` (${code})`}: ${sentence}`);
  }
  const { images } = reply.payload;
  return Array.isArray(images) ? images.flatMap(imageIn) : [];
}

async function readRepository(
  folder: string,
  { names, rootVersion }: { readonly names: readonly string[]; readonly rootVersion: number },
): Promise<ReadonlyMap<string, Uint8Array>> {
  try {
    return await collectMetadata(folderSource(folder), names, rootVersion);
  } catch (cause) {
    if (cause instanceof CommandFailed || cause instanceof AgentError) throw cause;
    throw new CommandFailed(`The repository in ${folder} cannot be read: ${errorMessage(cause)}.`, { cause });
  }
}

function imageIn(value: unknown): RepositoryImage[] {
  if (!isJsonObject(value)) return [];
  const [version, sha256, path] = [textAt(value, "version"), textAt(value, "sha256"), textAt(value, "path")];
  const { sizeBytes } = value;
  const isWhole = version !== null && sha256 !== null && path !== null && typeof sizeBytes === "number";
  return isWhole ? [{ version, sha256, path, sizeBytes }] : [];
}

/** Opens an image's file in a repository. No link in it is followed: whoever has made the stick must not lead root elsewhere. */
export async function openRepositoryImage(folder: string, { path, sha256 }: RepositoryImage): Promise<OpenImage> {
  const way = targetFilePath(path, sha256).split("/");
  try {
    if (way.some((part) => part === "" || part === "." || part === "..")) throw new Error("its path leads elsewhere");
    const file = await openBelow(folder, way);
    const { size } = await file.stat();
    return { path: `/proc/self/fd/${file.fd}`, sizeBytes: size, close: () => file.close() };
  } catch (cause) {
    throw new CommandFailed(
      `The image ${way.join("/")} in ${folder} cannot be read: ${errorMessage(cause)}. Copy the repository again, with its folder targets/.`,
      { cause },
    );
  }
}
