/** Something happened that must never happen. */
export class Violation extends Error {}

export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Violation(otherwise);
}

/** What the invariants know of one job, for as long as it can make a difference. */
export interface JobObservations {
  /** The method was answered with 200: the job must end. */
  readonly promised: boolean;
  /** A cancel was answered with 200: the job must end as cancelled. */
  readonly cancelled: boolean;
  /** The rank of its phase on disk, which never falls. */
  readonly reached: number;
  /** How often each action was begun, over all runs, until it can no longer happen. */
  readonly begun: Readonly<Record<string, number>>;
  /** Something of the board was changed for it. */
  readonly boardChanged: boolean;
  /** Actions that were begun in this run, until they can no longer happen. */
  readonly begunInThisRun: readonly string[];
  /** The end that is on disk. */
  readonly end: string | null;
  /** The address that is on disk. */
  readonly uri: string | null;
  /** Whether its document may begin it again after its end, and where from. */
  readonly mayBeginAgain: "anywhere" | "elsewhere" | null;
}

export const noJobObservations: JobObservations = {
  promised: false,
  cancelled: false,
  reached: 0,
  begun: {},
  boardChanged: false,
  begunInThisRun: [],
  end: null,
  uri: null,
  mayBeginAgain: null,
};

/** Forgets actions that this job can no longer do: where it stands, they would be a violation anyway. */
export function withoutPastActions(notes: JobObservations, past: readonly string[]): JobObservations {
  const begun = Object.fromEntries(Object.entries(notes.begun).filter(([act]) => !past.includes(act)));
  const now = notes.begunInThisRun.filter((act) => !past.includes(act));
  if (notes.end === null) return { ...notes, begun, begunInThisRun: now };
  // An end never changes: what was promised was kept, or the end itself is the violation and stays.
  const cancelled = notes.cancelled && notes.end !== "cancelled";
  return { ...notes, begun: {}, begunInThisRun: [], promised: false, boardChanged: false, cancelled };
}

/** What the next save must hold after a document was read, while nothing of the board has changed and no save was under way. */
export type ExpectedSave =
  | { readonly kind: "cancelled"; readonly job: string }
  | { readonly kind: "changed"; readonly job: string; readonly uri: string; readonly apply: string };

export interface Observations {
  readonly jobs: Readonly<Record<string, JobObservations>>;
  /** The `seq` of the last save that was promised to be on disk. */
  readonly seq: number;
  /** The boot in which the first state was saved; null before that, when boots cannot be distinguished. */
  readonly firstSavedBoot: number | null;
  /** Jobs in the order in which they reached the disk. */
  readonly jobOrder: readonly string[];
  /** A reboot was requested and answered with 200. */
  readonly rebootGranted: boolean;
  /** The boot in which that reboot was first on disk. */
  readonly rebootSavedInBoot: number | null;
  /** Something happened after which a good job may end badly. */
  readonly badEndExcused: boolean;
  /** What the next save must hold; null where any may come. */
  readonly expectedSave: ExpectedSave | null;
  /** Since the last update was accepted, the agent has read desired properties without `firmware`. */
  readonly hasReadWithdrawal: boolean;
}

export const noObservations: Observations = {
  jobs: {},
  seq: 0,
  firstSavedBoot: null,
  jobOrder: [],
  rebootGranted: false,
  rebootSavedInBoot: null,
  badEndExcused: false,
  expectedSave: null,
  hasReadWithdrawal: false,
};

/** From now on a good job may end otherwise than completed. */
export function excuseBadEnd<T extends { readonly observations: Observations }>(environment: T): T {
  return environment.observations.badEndExcused
    ? environment
    : { ...environment, observations: { ...environment.observations, badEndExcused: true } };
}

/** The process has ended: the next run may begin once more what this one had begun. */
export function afterProcessEnd(before: Observations): Observations {
  const jobs = Object.entries(before.jobs);
  const observations = before.expectedSave === null ? before : { ...before, expectedSave: null };
  if (jobs.every(([, { begunInThisRun: now }]) => now.length === 0)) return observations;
  return {
    ...observations,
    jobs: Object.fromEntries(jobs.map(([job, notes]) => [job, { ...notes, begunInThisRun: [] }])),
  };
}
