/** Something happened that must never happen. */
export class Violation extends Error {}

export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Violation(otherwise);
}

/** What the witness remembers of one job, for as long as it can make a difference. */
export interface JobObservations {
  /** Asked for by a method that was answered with 200: it must come to an end. */
  readonly promised: boolean;
  /** A cancel was answered with 200: it must end cancelled. */
  readonly cancelled: boolean;
  /** How far it is on disk, as a rank of its phase: it never goes back. */
  readonly reached: number;
  /** How often each act was begun, over all lives, until it can come no more. */
  readonly begun: Readonly<Record<string, number>>;
  /** Something of the board was changed for it. */
  readonly boardChanged: boolean;
  /** Acts that were begun in this life, until they can come no more. */
  readonly begunInThisRun: readonly string[];
  /** The end that is on disk. */
  readonly end: string | null;
}

export const noJobObservations: JobObservations = {
  promised: false,
  cancelled: false,
  reached: 0,
  begun: {},
  boardChanged: false,
  begunInThisRun: [],
  end: null,
};

/** What is over by now of a job that is so far: an act that it has behind it is refused by where it stands. */
export function withoutPastActions(notes: JobObservations, past: readonly string[]): JobObservations {
  const begun = Object.fromEntries(Object.entries(notes.begun).filter(([act]) => !past.includes(act)));
  const now = notes.begunInThisRun.filter((act) => !past.includes(act));
  if (notes.end === null) return { ...notes, begun, begunInThisRun: now };
  // An end stays as it is: the promises were kept, or the end is the violation, which keeps them.
  const cancelled = notes.cancelled && notes.end !== "cancelled";
  return { ...notes, begun: {}, begunInThisRun: [], promised: false, boardChanged: false, cancelled };
}

export interface Observations {
  readonly jobs: Readonly<Record<string, JobObservations>>;
  /** The `seq` of the last save that was promised to be on disk. */
  readonly seq: number;
  /** The boot in which the first state was saved; null before: until then one boot cannot be told from another. */
  readonly firstSavedBoot: number | null;
  /** Jobs in the order in which they reached the disk. */
  readonly jobOrder: readonly string[];
  /** A reboot was asked for and answered with 200. */
  readonly rebootGranted: boolean;
  /** The boot in which it was first on disk. */
  readonly rebootSavedInBoot: number | null;
  /** Something happened that may rightly end a good job badly. */
  readonly badEndExcused: boolean;
}

export const noObservations: Observations = {
  jobs: {},
  seq: 0,
  firstSavedBoot: null,
  jobOrder: [],
  rebootGranted: false,
  rebootSavedInBoot: null,
  badEndExcused: false,
};

/** From now on a good job may rightly end otherwise than completed. */
export function excuseBadEnd<T extends { readonly observations: Observations }>(environment: T): T {
  return environment.observations.badEndExcused
    ? environment
    : { ...environment, observations: { ...environment.observations, badEndExcused: true } };
}

/** The process has ended: what it had begun may be begun once more. */
export function afterProcessEnd(observations: Observations): Observations {
  const jobs = Object.entries(observations.jobs);
  if (jobs.every(([, { begunInThisRun: now }]) => now.length === 0)) return observations;
  return {
    ...observations,
    jobs: Object.fromEntries(jobs.map(([job, notes]) => [job, { ...notes, begunInThisRun: [] }])),
  };
}
