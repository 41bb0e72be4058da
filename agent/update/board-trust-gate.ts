import { isErrorCode, type ErrorCode } from "../contract/codes.ts";
import type { Failure } from "../contract/failure.ts";
import type { ErrorResponse } from "../contract/error-response.ts";
import { backoffMs } from "../lib/backoff.ts";
import { AgentError, toFailure } from "../lib/errors.ts";
import type { Runtime } from "../lib/runtime.ts";
import { Turns } from "../lib/turns.ts";
import type { CacheRequest, VerifiedCache, MetadataCacheFiles, RefreshedCache } from "../trust/cached-metadata.ts";
import type { LoadedTrust, MetadataSource, SignedTarget, TrustedTargets } from "../trust/ports.ts";
import { checkTarget, selectTarget, type BoardFacts, type Selected } from "../trust/select-target.ts";
import { targetAddress } from "./image-address.ts";
import type { ResolvedImage, WantedImage } from "./image-name.ts";
import { nobodyTrusted, type MetadataFile, type OfferedImage, type TrustGate, type TrustStatus } from "./trust-gate.ts";
import { nothingKnown, statusOf, type BoardTrust, type Known } from "./trust-status.ts";
import type { UpdateDelay } from "./update-snapshot.ts";

/** The verifier, which is loaded only where there is a trust root. */
interface Verifier {
  verifyCached(request: CacheRequest): Promise<VerifiedCache>;
  refreshCached(request: CacheRequest, source: MetadataSource, signal: AbortSignal): Promise<RefreshedCache>;
}

export interface BoardTrustGatePorts extends Pick<Runtime, "log" | "timer" | "wallClock" | "bootClock" | "random"> {
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
    readonly save: (verified: Pick<VerifiedCache, "stored" | "record">) => Promise<void>;
    readonly raiseFloor: (epoch: number) => Promise<void>;
  };
}

/** How often the repository is asked while the metadata on the board allows the image, and while it does not. */
const attempts = { allowed: 2, otherwise: 6 } as const;
/** The time in which the files of one refresh must have begun to come. */
const refreshLimitMs = 120_000;
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

/** The metadata does not list the image. */
const absent: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["not-signed", "version-not-published"]);

/** Decides by the trust store, the metadata that the agent has downloaded, and the publisher's repository. */
export class BoardTrustGate implements TrustGate {
  readonly #ports: BoardTrustGatePorts;
  readonly #listeners: (() => void)[] = [];
  #known: Known = nothingKnown;
  #status: TrustStatus;
  /** One refresh at a time: two at once, such as a stick's and the repository's, would mix their files. */
  readonly #turns = new Turns();
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
    const { problem, verified } = this.#known;
    if (this.#status.rule !== "signed") return undefined;
    if (problem !== undefined) return refusalOf(problem);
    const { repository } = this.#ports;
    if (verified?.trusted === undefined)
      return repository === null && verified?.error !== undefined ? refusalOf(verified.error) : undefined;
    const selected = this.#select(image, verified);
    if (selected === undefined || selected.ok) return undefined;
    const error = refusedBy(selected.failure);
    // What is not listed may have been published since. What is listed is refused by what is known; the next request knows more.
    if (repository !== null && absent.has(error.code)) return undefined;
    if (repository !== null) void this.#refreshForNext();
    return refusalOf(error);
  }

  async resolve(
    image: WantedImage,
    onDelay: (delay: UpdateDelay | null) => void,
    signal: AbortSignal,
  ): Promise<ResolvedImage> {
    const { repository, log, timer, random } = this.#ports;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const failure = await this.#refresh(repository?.source, signal);
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

  async offer(files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<readonly OfferedImage[]> {
    await this.readStatus();
    if (this.#known.problem !== undefined) throw this.#known.problem;
    if (this.#known.loaded === undefined) throw nobodyTrusted();
    const source = { read: (name: string) => Promise.resolve(files.get(name)) };
    const failure = files.size === 0 ? undefined : await this.#refresh(source, signal);
    if (failure !== undefined && failure.code !== "metadata-rollback") throw failure;
    const { problem, verified } = this.#known;
    const error = problem ?? verified?.error;
    if (error !== undefined) throw error;
    if (verified?.trusted === undefined) throw nobodyTrusted(); // The root was taken away meanwhile.
    return offeredImages(verified.trusted, this.#facts(verified));
  }

  async metadataForHelper(): Promise<readonly MetadataFile[]> {
    await this.readStatus();
    return [...(this.#known.verified?.files ?? [])].map(([name, bytes]) => ({ name, bytes }));
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
      if (board.loaded === undefined) return { ...board, verified: undefined, problem: undefined };
      const verified = await (await verifier()).verifyCached(await this.#request(board, board.loaded));
      return { ...board, verified, problem: undefined };
    } catch (cause) {
      log.error({ err: cause }, "trust not read");
      const { message } = toFailure(cause, "trust");
      const problem = cause instanceof AgentError ? cause : new AgentError("internal", message, { cause });
      return { ...(board ?? nothingKnown), verified: undefined, problem };
    }
  }

  #learn(known: Known): void {
    const former = JSON.stringify(this.#status);
    this.#known = known;
    this.#status = statusOf(known, this.#ports.simulated);
    if (JSON.stringify(this.#status) !== former) this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  async #request({ names, refuseStale }: BoardTrust, loaded: LoadedTrust): Promise<CacheRequest> {
    const { cache, wallClock } = this.#ports;
    const isSynchronized = await wallClock.synchronized();
    return { loaded, cache, boards: names, refuseStale, clock: { nowMs: wallClock.now().getTime(), isSynchronized } };
  }

  /** Reads root's word and the repository. Returns why its metadata could not be used; undefined where it was. */
  async #refresh(source: MetadataSource | undefined, signal: AbortSignal): Promise<AgentError | undefined> {
    return await this.#turns.take(async () => await this.#refreshNow(source, signal), signal);
  }

  async #refreshNow(source: MetadataSource | undefined, signal: AbortSignal): Promise<AgentError | undefined> {
    const { verifier, log, store } = this.#ports;
    await this.readStatus();
    const { loaded, problem } = this.#known;
    if (source === undefined || loaded === undefined || problem !== undefined) return undefined;
    const request = await this.#request(this.#known, loaded);
    const refreshed = await (await verifier()).refreshCached(request, this.#bounded(source), signal);
    if (refreshed.unkept !== undefined)
      log.warn({ err: refreshed.unkept }, "metadata not kept on the disk; it is used from memory");
    await store?.save(refreshed);
    this.#learn({ ...this.#known, verified: refreshed });
    return refreshed.failure;
  }

  /** The same source until the time for one refresh is over. The roots that were verified by then are kept: the next one goes on. */
  #bounded(source: MetadataSource): MetadataSource {
    const { bootClock } = this.#ports;
    const endsMs = bootClock.nowMs() + refreshLimitMs;
    return {
      read: async (name, maxBytes, signal) => {
        if (bootClock.nowMs() < endsMs) return await source.read(name, maxBytes, signal);
        throw new AgentError(
          "unreachable",
          `The repository did not send its metadata within ${refreshLimitMs / 60_000} minutes; ${name} was next. Check the server and the network.`,
        );
      },
    };
  }

  /** After a refusal: the publisher may have changed what the metadata on the board says. Never rejects. */
  async #refreshForNext(): Promise<void> {
    const { repository, log } = this.#ports;
    if (this.#isRefreshing || repository === null) return;
    this.#isRefreshing = true;
    try {
      const former = this.#known.verified?.stored.timestamp;
      const failure = await this.#refresh(repository.source, new AbortController().signal);
      if (failure !== undefined) log.info({ err: failure }, "repository not read");
      // What was refused by the former metadata is decided again.
      else if (!isSameFile(former, this.#known.verified?.stored.timestamp)) this.#notify();
    } catch (cause) {
      log.warn({ err: cause }, "repository not read");
    } finally {
      this.#isRefreshing = false;
    }
  }

  #select({ version, sha256 }: WantedImage, verified: VerifiedCache): Selected | undefined {
    const { trusted } = verified;
    if (trusted === undefined) return undefined;
    const wanted = { version: version ?? undefined, sha256: sha256 ?? undefined };
    return selectTarget(trusted, wanted, this.#facts(verified), "accepted");
  }

  #facts({ record }: VerifiedCache): BoardFacts {
    const { agentVersion, installer, simulated } = this.#ports;
    const { names } = this.#known;
    return { floor: record.floor, boards: names, agentVersion, installer: simulated ? undefined : installer };
  }

  /** The target of an image in the metadata that the board has now, or why there is none. */
  #find(image: WantedImage): Selected | AgentError {
    const { problem, verified } = this.#known;
    const error = problem ?? verified?.error;
    if (error !== undefined) return error;
    const selected = verified && this.#select(image, verified);
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
    if (!found.ok) throw refusedBy(found.failure);
    const { version, sha256, sizeBytes, epoch } = found.target;
    const { repository } = this.#ports;
    return { version, sha256, sizeBytes, epoch, uri: repository && targetAddress(repository.address, found.target) };
  }
}

/** The images for a board: those that it may install first, then in the order in which `selectTarget` takes them. */
function offeredImages({ targets }: TrustedTargets, board: BoardFacts): OfferedImage[] {
  const refused = (target: SignedTarget): number => (checkTarget(target, board, "accepted") === undefined ? 0 : 1);
  const rank = ({ path }: SignedTarget): number => board.boards.findIndex((name) => path.startsWith(`${name}/`));
  return targets
    .toSorted((a, b) => refused(a) - refused(b) || rank(a) - rank(b) || b.epoch - a.epoch)
    .map(({ version, sha256, sizeBytes, epoch, path }) => ({ version, sha256, sizeBytes, epoch, path }));
}

function isSameFile(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}

function refusedBy({ code, message }: Failure): AgentError {
  return new AgentError(isErrorCode(code) ? code : "internal", message);
}

function refusalOf({ code, message }: AgentError): ErrorResponse {
  return { status: 403, code, message };
}
