/** What the witness remembers of one job. */
export interface JobNotes {
  /** Asked for by a method that was answered with 200: it must come to an end. */
  readonly promised: boolean;
  /** A cancel was answered with 200: it must end cancelled. */
  readonly cancelled: boolean;
  /** How often each act was begun, over all lives. */
  readonly begun: Readonly<Record<string, number>>;
  /** Acts that were begun in this life. */
  readonly now: readonly string[];
  /** The end that is on disk. */
  readonly end: string | null;
  /** The last phase in the twin. */
  readonly told: number;
}

export interface Ledger {
  readonly jobs: Readonly<Record<string, JobNotes>>;
  /** The `seq` of the last save that was promised to be on disk. */
  readonly seq: number;
  /** The boot in which the first state was saved; null before: until then one boot cannot be told from another. */
  readonly firstBoot: number | null;
  readonly toldOperation: string | null;
  /** Jobs in the order in which they reached the disk. */
  readonly order: readonly string[];
  /** A reboot was asked for and answered with 200. */
  readonly rebootPromised: boolean;
  /** The boot in which it was first on disk. */
  readonly rebootSavedAt: number | null;
  /** Something happened that may rightly end a good job badly. */
  readonly excused: boolean;
}

export const emptyLedger: Ledger = {
  jobs: {},
  seq: 0,
  firstBoot: null,
  toldOperation: null,
  order: [],
  rebootPromised: false,
  rebootSavedAt: null,
  excused: false,
};

/** From now on a good job may rightly end otherwise than completed. */
export function excused<T extends { readonly ledger: Ledger }>(world: T): T {
  return world.ledger.excused ? world : { ...world, ledger: { ...world.ledger, excused: true } };
}
