import { AgentError } from "../../agent/lib/errors.ts";
import type {
  MetadataSource,
  ReferenceClock,
  StoredMetadata,
  TrustedTargets,
  TrustRecord,
} from "../../agent/trust/ports.ts";
import { refreshMetadata } from "../../agent/trust/refresh.ts";
import { loadTrusted } from "../../agent/trust/trusted-metadata.ts";
import { daysLater, newRecord, targetEntry, TufRepository, wallClock, type Changes } from "./tuf-repository.ts";

/** A board that trusts a publisher, and saves what a refresh comes to. Time is what the test says. */
export class TrustingBoard {
  stored: StoredMetadata;
  record: TrustRecord = newRecord;
  clock: ReferenceClock = wallClock();
  boards: readonly string[] = ["acme,gateway"];
  refuseStale = false;
  /** Of the last refresh or load; undefined after a failure. */
  trusted: TrustedTargets | undefined;
  /** The error of the last refresh or load. */
  error: AgentError | undefined;

  constructor(seed: StoredMetadata) {
    this.stored = seed;
  }

  /** @returns "ok", or the code of the error */
  async refresh(source: MetadataSource, signal?: AbortSignal): Promise<string> {
    const { stored, record, clock, boards, refuseStale } = this;
    const refreshed = await refreshMetadata({ stored, record, clock, boards, refuseStale, source, signal });
    this.stored = refreshed.stored;
    this.record = refreshed.record;
    this.trusted = refreshed.ok ? refreshed.trusted : undefined;
    this.error = refreshed.ok ? undefined : refreshed.error;
    return refreshed.ok ? "ok" : refreshed.error.code;
  }

  /** Asks nobody, and changes nothing. @returns "ok", or the code of the error */
  load(): string {
    this.trusted = undefined;
    this.error = undefined;
    try {
      this.trusted = loadTrusted(this);
      return "ok";
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.error = error;
      return error.code;
    }
  }

  /** The versions of the images that it trusts. */
  get versions(): string[] {
    return this.trusted?.targets.map(({ version }) => version) ?? [];
  }
}

/** A board that has read the first version, and a repository that has a second one of every file. */
export async function secondPublication(
  changes: Changes = {},
): Promise<{ board: TrustingBoard; repository: TufRepository }> {
  const repository = new TufRepository();
  const board = new TrustingBoard(repository.seed());
  const first = await board.refresh(repository);
  if (first !== "ok") throw new Error(`The first refresh ended with ${first}.`);
  repository.writeRoot({}, undefined, changes);
  const [path, entry] = targetEntry("acme,gateway", "2.0.0");
  repository.boards["acme,gateway"] = { [path]: entry };
  repository.publish(daysLater(1), changes);
  return { board, repository };
}
