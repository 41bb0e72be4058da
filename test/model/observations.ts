/** What the witness remembers of one job, for as long as it can make a difference. */
export interface JobNotes {
  /** Asked for by a method that was answered with 200: it must come to an end. */
  readonly promised: boolean;
  /** A cancel was answered with 200: it must end cancelled. */
  readonly cancelled: boolean;
  /** How far it is on disk, as a rank of its phase: it never goes back. */
  readonly reached: number;
  /** How often each act was begun, over all lives, until it can come no more. */
  readonly begun: Readonly<Record<string, number>>;
  /** Something of the board was changed for it. */
  readonly touched: boolean;
  /** Acts that were begun in this life, until they can come no more. */
  readonly now: readonly string[];
  /** The end that is on disk. */
  readonly end: string | null;
}

export const noNotes: JobNotes = {
  promised: false,
  cancelled: false,
  reached: 0,
  begun: {},
  touched: false,
  now: [],
  end: null,
};

/** What is over by now of a job that is so far: an act that it has behind it is refused by where it stands. */
export function pruned(notes: JobNotes, past: readonly string[]): JobNotes {
  const begun = Object.fromEntries(Object.entries(notes.begun).filter(([act]) => !past.includes(act)));
  const now = notes.now.filter((act) => !past.includes(act));
  if (notes.end === null) return { ...notes, begun, now };
  // An end stays as it is: the promises were kept, or the end is the violation, which keeps them.
  const cancelled = notes.cancelled && notes.end !== "cancelled";
  return { ...notes, begun: {}, now: [], promised: false, touched: false, cancelled };
}

export interface Ledger {
  readonly jobs: Readonly<Record<string, JobNotes>>;
  /** The `seq` of the last save that was promised to be on disk. */
  readonly seq: number;
  /** The boot in which the first state was saved; null before: until then one boot cannot be told from another. */
  readonly firstBoot: number | null;
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
  order: [],
  rebootPromised: false,
  rebootSavedAt: null,
  excused: false,
};

/** From now on a good job may rightly end otherwise than completed. */
export function excused<T extends { readonly ledger: Ledger }>(world: T): T {
  return world.ledger.excused ? world : { ...world, ledger: { ...world.ledger, excused: true } };
}

/** The process has ended: what it had begun may be begun once more. */
export function afterDeath(ledger: Ledger): Ledger {
  const jobs = Object.entries(ledger.jobs);
  if (jobs.every(([, { now }]) => now.length === 0)) return ledger;
  return { ...ledger, jobs: Object.fromEntries(jobs.map(([job, notes]) => [job, { ...notes, now: [] }])) };
}
