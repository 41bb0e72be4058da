import type { ErrorCode } from "../contract/codes.ts";
import type { ErrorResponse } from "../contract/error-response.ts";
import { backoffMs } from "../lib/backoff.ts";
import { AgentError, toFailure } from "../lib/errors.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { CacheRequest, Judged, MetadataCacheFiles, RefreshedCache } from "../trust/cached-metadata.ts";
import type { LoadedTrust, MetadataSource, SignedTarget } from "../trust/ports.ts";
import { selectTarget, type Selected } from "../trust/select-target.ts";
import type { ResolvedImage, WantedImage } from "./image-name.ts";
import type { MetadataFile, TrustGate, TrustStatus } from "./trust-gate.ts";
import type { UpdateDelay } from "./update-snapshot.ts";

/** What root has written about trust. */
export interface BoardTrust {
  readonly allowUnsigned: boolean;
  readonly refuseStale: boolean;
  /** This board's names, the most specific first. */
  readonly names: readonly string[];
  /** Undefined where the board has no trust root. */
  readonly loaded: LoadedTrust | undefined;
}

/** The verifier, which is loaded only where there is a trust root. */
export interface Verifier {
  judgeCached(request: CacheRequest): Promise<Judged>;
  refreshCached(request: CacheRequest, source: MetadataSource, signal: AbortSignal): Promise<RefreshedCache>;
}

export interface BoardTrustGatePorts extends Pick<Runtime, "log" | "timer" | "wallClock" | "random"> {
  /** Rejects with `trust-store-damaged` and `board-config-invalid`. */
  readonly readBoard: () => Promise<BoardTrust>;
  readonly verifier: () => Promise<Verifier>;
  readonly cache: MetadataCacheFiles;
  /** The publisher's repository; null where none is configured. */
  readonly repository: { readonly address: string; readonly source: MetadataSource } | null;
  /** A simulated board without a trust root is as without signatures, and may be of any installer. */
  readonly simulated: boolean;
  readonly agentVersion: string;
  readonly installer: string;
  /** Where no helper of root's keeps what was verified: does it in its place. */
  readonly store?: {
    readonly save: (judged: Pick<Judged, "stored" | "record">) => Promise<void>;
    readonly raiseFloor: (epoch: number) => Promise<void>;
  };
}

/** How often the repository is asked while the metadata on the board allows the image, and while it does not. */
const attempts = { allowed: 2, otherwise: 6 } as const;
const retryLimits = { firstMs: 2_000, capMs: 60_000 } as const;

/** Failures of the repository that may pass: a lost connection, a captive portal, a file that is being published. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "bad-response",
  "http-status",
  "metadata-invalid",
  "metadata-mismatch",
  "metadata-missing",
  "unreachable",
]);

/** What the board knows: root's word, and what verified metadata says. */
interface Known extends BoardTrust {
  readonly judged: Judged | undefined;
  /** Why root's word cannot be used: then nothing is installed. */
  readonly problem: AgentError | undefined;
}

const nothingKnown: Known = {
  allowUnsigned: false,
  refuseStale: true,
  names: [],
  loaded: undefined,
  judged: undefined,
  problem: undefined,
};

/** Decides by the trust store, the metadata that the agent has downloaded, and the publisher's repository. */
export class BoardTrustGate implements TrustGate {
  readonly #ports: BoardTrustGatePorts;
  readonly #listeners: (() => void)[] = [];
  #known: Known = nothingKnown;
  #status: TrustStatus;
  /** Verified files that the disk has not taken. */
  #unkept: ReadonlyMap<string, Uint8Array> = new Map();
  #isRefreshing = false;

  constructor(ports: BoardTrustGatePorts) {
    this.#ports = ports;
    this.#status = statusOf(nothingKnown, ports.simulated);
  }

  get status(): TrustStatus {
    return this.#status;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async readStatus(): Promise<void> {
    this.#learn(await this.#read());
  }

  refusal(image: WantedImage): ErrorResponse | undefined {
    const { problem, judged } = this.#known;
    if (this.#status.rule !== "signed") return undefined;
    if (problem !== undefined) return refusalOf(problem);
    const { repository } = this.#ports;
    if (judged?.trusted === undefined)
      return repository === null && judged?.error !== undefined ? refusalOf(judged.error) : undefined;
    const selected = this.#select(image, judged);
    if (selected === undefined || selected.ok) return undefined;
    const { code, message } = selected.failure;
    // What is not listed may have been published since. What is listed is refused by what is known; the next request knows more.
    if (repository !== null && (code === "not-signed" || code === "version-not-published")) return undefined;
    if (repository !== null) void this.#refreshForNext();
    return { status: 403, code: code as ErrorCode, message };
  }

  async resolve(
    image: WantedImage,
    onDelay: (delay: UpdateDelay | null) => void,
    signal: AbortSignal,
  ): Promise<ResolvedImage> {
    const { repository, log, timer, random } = this.#ports;
    try {
      for (let attempt = 1; ; attempt += 1) {
        await this.readStatus();
        const failure = repository === null ? undefined : await this.#refresh(repository.source, signal);
        const found = this.#find(image);
        if (failure === undefined) return this.#resolved(found);
        const isAllowed = found instanceof AgentError ? false : found.ok;
        const isLast = attempt >= (isAllowed ? attempts.allowed : attempts.otherwise) || !passing.has(failure.code);
        if (isLast && isAllowed) {
          log.warn({ err: failure }, "repository not read: the metadata on the board decides");
          return this.#resolved(found);
        }
        if (isLast) throw failure;
        log.info({ err: failure, attempt }, "repository not read, trying again");
        onDelay({ code: failure.code, message: failure.message });
        await timer.after(backoffMs(retryLimits, attempt, random()), signal);
      }
    } finally {
      onDelay(null);
    }
  }

  async metadataForHelper(): Promise<readonly MetadataFile[]> {
    const files = new Map([...(await this.#ports.cache.readAll()), ...this.#unkept]);
    return [...files].map(([name, bytes]) => ({ name, bytes }));
  }

  async committed({ epoch }: { readonly sha256: string; readonly epoch: number }): Promise<void> {
    await this.#ports.store?.raiseFloor(epoch);
    await this.readStatus();
  }

  async #read(): Promise<Known> {
    const { readBoard, verifier, log } = this.#ports;
    let board: BoardTrust | undefined;
    try {
      board = await readBoard();
      if (board.loaded === undefined) return { ...board, judged: undefined, problem: undefined };
      const judged = await (await verifier()).judgeCached(await this.#request(board, board.loaded));
      return { ...board, judged, problem: undefined };
    } catch (cause) {
      log.error({ err: cause }, "trust not read");
      const { message } = toFailure(cause, "trust");
      const problem = cause instanceof AgentError ? cause : new AgentError("internal", message, { cause });
      return { ...(board ?? nothingKnown), judged: undefined, problem };
    }
  }

  #learn(known: Known): void {
    const former = JSON.stringify(this.#status);
    this.#known = known;
    this.#status = statusOf(known, this.#ports.simulated);
    if (JSON.stringify(this.#status) !== former) for (const listener of this.#listeners) listener();
  }

  async #request({ names, refuseStale }: BoardTrust, loaded: LoadedTrust): Promise<CacheRequest> {
    const { cache, wallClock } = this.#ports;
    const isSynchronized = await wallClock.synchronized();
    return { loaded, cache, boards: names, refuseStale, clock: { nowMs: wallClock.now().getTime(), isSynchronized } };
  }

  /** Reads the repository. Returns why its metadata could not be used; undefined where it was. */
  async #refresh(source: MetadataSource, signal: AbortSignal): Promise<AgentError | undefined> {
    const { verifier, log, store } = this.#ports;
    const { loaded, problem } = this.#known;
    if (loaded === undefined || problem !== undefined) return undefined;
    const request = await this.#request(this.#known, loaded);
    const refreshed = await (await verifier()).refreshCached(request, source, signal);
    if (refreshed.unkept === undefined) this.#unkept = new Map();
    else {
      log.warn({ err: refreshed.unkept }, "metadata not kept on the disk; it is used from memory");
      this.#unkept = refreshed.files;
    }
    await store?.save(refreshed);
    this.#learn({ ...this.#known, judged: refreshed });
    return refreshed.failure;
  }

  /** After a refusal: the publisher may have changed what the metadata on the board says. Never rejects. */
  async #refreshForNext(): Promise<void> {
    const { repository, log } = this.#ports;
    if (this.#isRefreshing || repository === null) return;
    this.#isRefreshing = true;
    try {
      const failure = await this.#refresh(repository.source, new AbortController().signal);
      if (failure !== undefined) log.info({ err: failure }, "repository not read");
    } catch (cause) {
      log.warn({ err: cause }, "repository not read");
    } finally {
      this.#isRefreshing = false;
    }
  }

  #select({ version, sha256 }: WantedImage, { trusted, record }: Judged): Selected | undefined {
    const { agentVersion, installer, simulated } = this.#ports;
    if (trusted === undefined) return undefined;
    const facts = {
      floor: record.floor,
      boards: this.#known.names,
      agentVersion,
      installer: simulated ? undefined : installer,
    };
    const wanted = { version: version ?? undefined, sha256: sha256 ?? undefined };
    return selectTarget(trusted, wanted, facts, "accepted");
  }

  /** The target of an image in the metadata that the board has now, or why there is none. */
  #find(image: WantedImage): Selected | AgentError {
    const { problem, judged } = this.#known;
    const error = problem ?? judged?.error;
    if (error !== undefined) return error;
    const selected = judged && this.#select(image, judged);
    return (
      selected ??
      new AgentError(
        "trust-root-missing",
        "The board's trust root is gone. Add it again: sudo boardkeeper-agent trust add root.json",
      )
    );
  }

  #resolved(found: Selected | AgentError): ResolvedImage {
    if (found instanceof AgentError) throw found;
    if (!found.ok) throw new AgentError(found.failure.code as ErrorCode, found.failure.message);
    const { version, sha256, sizeBytes, epoch } = found.target;
    const { repository } = this.#ports;
    return { version, sha256, sizeBytes, epoch, uri: repository && targetAddress(repository.address, found.target) };
  }
}

/** Where a target's bytes lie: below `targets/`, at its path, with the digest before its name. */
function targetAddress(address: string, { path, sha256 }: Pick<SignedTarget, "path" | "sha256">): string {
  const parts = path.split("/");
  const file = `${sha256}.${parts.at(-1) ?? ""}`;
  return [address, "targets", ...[...parts.slice(0, -1), file].map(encodeURIComponent)].join("/");
}

function statusOf({ allowUnsigned, names, loaded, judged, problem }: Known, simulated: boolean): TrustStatus {
  const isTrusting = loaded !== undefined || problem !== undefined;
  const isOpen = simulated || allowUnsigned;
  const unsigned =
    "Unsigned images are installed: /etc/boardkeeper/board.conf allows it, and the board has no trust root. To change that: sudo boardkeeper-agent trust add root.json";
  const expiry = judged?.error?.code === "metadata-expired" ? [judged.error.message] : [];
  const remade = loaded === undefined ? [] : loaded.problems.length > 0 ? loaded.problems : [loaded.remade ?? ""];
  return {
    rule: isTrusting ? "signed" : isOpen ? "digest" : "nothing",
    rootVersion: judged?.root.version ?? null,
    expires: judged === undefined ? null : new Date(judged.root.expires).toISOString(),
    unsignedAllowed: allowUnsigned,
    compatible: names,
    alerts: [
      ...(problem === undefined ? [] : [problem.message]),
      ...(!isTrusting && allowUnsigned && !simulated ? [unsigned] : []),
      ...remade.filter((sentence) => sentence !== ""),
      ...expiry,
      ...(judged?.trusted?.staleness === undefined || judged.trusted.staleness === null
        ? []
        : [judged.trusted.staleness]),
    ],
  };
}

function refusalOf({ code, message }: AgentError): ErrorResponse {
  return { status: 403, code, message };
}
