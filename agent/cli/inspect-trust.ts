import { readRootOwned } from "../board/trust/root-owned.ts";
import { defaultBoardConfig, type BoardConfig } from "../config/board-config.ts";
import { isJsonObject, sectionAt, textsAt, type JsonObject } from "../contract/json.ts";
import { maxMetadataBytes } from "../contract/signed-target.ts";
import { AgentError, errorMessage, isAbsent } from "../lib/errors.ts";
import type { LoadedTrust } from "../trust/ports.ts";
import { loadTrusted } from "../trust/trusted-metadata.ts";
import { verifyRoot } from "../trust/trust-root.ts";
import type { TrustAccess } from "./trust-access.ts";
import type { KeysOfRole, RootSummary, SeedSummary, TrustDescription } from "./format/format-trust.ts";

/** What this board trusts, for `trust show` and `doctor`. Changes nothing; rejects for nothing that a person can correct. */
export async function inspectTrust(board: TrustAccess): Promise<TrustDescription> {
  const { config, problem } = await readConfig(board);
  const { names, source } = await board.readNames(config);
  const { loaded, damage } = await readStore(board);
  return {
    root: loaded === undefined ? null : summarize(loaded.metadata.root),
    damage,
    problems: loaded?.problems ?? [],
    remade: loaded?.remade ?? null,
    seed: await readSeed(board),
    floor: loaded?.record.floor ?? null,
    issued: loaded?.record.issued ?? null,
    boards: names,
    boardsFrom: source,
    boardConfigProblem: problem,
    unsignedAllowed: config.allowUnsigned,
    refuseStale: config.refuseStale,
    metadata: loaded === undefined ? null : await readMetadata(loaded, names, config, board),
  };
}

async function readConfig(board: TrustAccess): Promise<{ config: BoardConfig; problem: string | null }> {
  try {
    return { config: await board.readConfig(), problem: null };
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    return { config: defaultBoardConfig, problem: cause.message };
  }
}

async function readStore({ store }: TrustAccess): Promise<{ loaded: LoadedTrust | undefined; damage: string | null }> {
  try {
    return { loaded: await store.load(), damage: null };
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    return { loaded: undefined, damage: cause.message };
  }
}

async function readSeed({ paths, owners }: TrustAccess): Promise<SeedSummary> {
  try {
    const { version, fingerprint } = verifyRoot(paths.seed, await readRootOwned(paths.seed, maxMetadataBytes, owners));
    return { path: paths.seed, version, fingerprint };
  } catch (cause) {
    return { path: paths.seed, problem: isAbsent(cause) ? "is not there" : `cannot be used: ${errorMessage(cause)}` };
  }
}

/** The parts of a root that is verified. */
function summarize(bytes: Uint8Array): RootSummary {
  const signed = sectionAt(parse(bytes), "signed");
  const roles = sectionAt(signed, "roles");
  const keys = Object.keys(roles).map((role): KeysOfRole => {
    const { threshold } = sectionAt(roles, role);
    return { role, threshold: Number(threshold), keyIds: textsAt(sectionAt(roles, role), "keyids") };
  });
  const { version, expires, fingerprint } = verifyRoot("root.json", bytes);
  return { version, expires, fingerprint, keys };
}

function parse(bytes: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString());
  return isJsonObject(value) ? value : {};
}

async function readMetadata(
  { metadata, record }: LoadedTrust,
  boards: readonly string[],
  { refuseStale }: BoardConfig,
  { clock }: TrustAccess,
): Promise<TrustDescription["metadata"]> {
  const reference = { nowMs: clock.now().getTime(), isSynchronized: await clock.synchronized() };
  try {
    const { staleness, targets } = loadTrusted({ stored: metadata, record, boards, clock: reference, refuseStale });
    const images = targets.map(({ version, epoch, kind, sha256 }) => ({ version, epoch, kind, sha256 }));
    return { staleness, images };
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    return { code: cause.code, message: cause.message };
  }
}
