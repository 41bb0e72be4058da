import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { TrustFolder } from "../../agent/board/trust/trust-folder.ts";
import { defaultBoardConfig } from "../../agent/config/board-config.ts";
import { HelperTrustGate } from "../../agent/install-helper/trust-gate.ts";
import { verifyRoot } from "../../agent/trust/trust-root.ts";
import { victim } from "../fixtures/attacks/metadata.ts";
import { hello, metadata, speak, type NamedImage, type Speaker } from "./helper-words.ts";
import { startInstallHelper, type RunningInstallHelper } from "./install-helper.ts";
import { startReleaseBoard, type ReleaseBoard } from "./release-board.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { daysLater, sha256, TufRepository, wallClock } from "./tuf-repository.ts";

/** Root's helper with its real trust store, copies, ledger and release folder, and a publisher that it trusts. */
export interface AttackedHelper {
  readonly publisher: TufRepository;
  readonly helper: RunningInstallHelper;
  readonly releases: ReleaseBoard;
  readonly store: TrustFolder;
  readonly storeFolder: string;
  readonly trust: HelperTrustGate;
  /** A new session of somebody who has taken the agent over. */
  readonly session: () => Promise<Speaker>;
  /** Everything that root has written, file by file, with its digest. */
  readonly written: () => Promise<Readonly<Record<string, string>>>;
}

interface AttackedOptions {
  /** After the publication. */
  readonly days?: number | undefined;
  readonly refuseStale?: boolean | undefined;
  readonly before?: ((publisher: TufRepository) => void) | undefined;
}

/** The helper has read what is published. */
export async function attackedHelper({
  days = 1,
  refuseStale = false,
  before,
}: AttackedOptions = {}): Promise<AttackedHelper> {
  const root = await temporaryFolder();
  const publisher = new TufRepository({ boards: { [victim]: ["1.0.0"], other: ["3.0.0"] } });
  const [seed, folder] = [join(root, "root.json"), join(root, "store")];
  await writeFile(seed, publisher.file("1.root.json"), { mode: 0o644 });
  await mkdir(folder);
  const owners = [0, process.geteuid?.() ?? 0];
  const store = new TrustFolder({
    folder,
    seed,
    seedOwners: owners,
    checkRoot: (bytes) => void verifyRoot("root.json", bytes),
  });
  let today = 0;
  const trust = new HelperTrustGate({
    store,
    readConfig: async () => ({ ...defaultBoardConfig, refuseStale }),
    readNames: async () => [victim],
    readClock: async () => wallClock(daysLater(today)),
    agentVersion: "1.2.0",
    log: () => undefined,
  });
  const releases = await startReleaseBoard();
  const helper = await startInstallHelper({ trust, installer: releases.start() });
  const session = async (): Promise<Speaker> => {
    const speaker = speak(helper);
    await speaker.ask(hello("release"));
    return speaker;
  };
  before?.(publisher);
  const first = await session();
  const answer = await first.ask(metadata(publisher.files));
  if (JSON.stringify(answer).includes("error"))
    throw new Error(`The honest metadata was refused: ${JSON.stringify(answer)}`);
  first.socket.destroy();
  today = days;
  const written = async (): Promise<Record<string, string>> => ({
    ...(await treeOf(folder, "store")),
    ...(await treeOf(helper.own, "copies")),
    ...(await treeOf(releases.folder, "releases")),
  });
  return { publisher, helper, releases, store, storeFolder: folder, trust, session, written };
}

/** An image of one release, as its publisher signs and serves it. */
export interface SignedRelease {
  readonly named: NamedImage;
  readonly bytes: Buffer;
}

/** Signs an archive for the board, and publishes it. @param more of its description */
export function signRelease(
  publisher: TufRepository,
  version: string,
  content: Buffer,
  more: object = {},
): SignedRelease {
  const bytes = gzipSync(content);
  const digest = sha256(bytes);
  const custom = {
    version,
    epoch: 0,
    kind: "feature",
    boards: [victim],
    installer: "release",
    options: {},
    contentSha256: sha256(content),
    contentSize: content.length,
    ...more,
  };
  publisher.boards[victim] = {
    ...publisher.boards[victim],
    [`${victim}/${digest}.app.tar`]: { length: bytes.length, hashes: { sha256: digest }, custom },
  };
  publisher.publish(daysLater(1));
  return { named: { sha256: digest, sizeBytes: bytes.length, version, operationId: "op-1" }, bytes };
}

/** Files below a folder with the digest of each; links with their targets. */
export async function treeOf(folder: string, name = ""): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const entry of (await readdir(folder, { recursive: true })).toSorted()) {
    const path = join(folder, entry);
    const found = await lstat(path);
    if (found.isSymbolicLink()) tree[`${name}/${entry}`] = `-> ${await readlink(path)}`;
    else if (found.isFile())
      tree[`${name}/${entry}`] = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
  }
  return tree;
}
