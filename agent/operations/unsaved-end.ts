import type { Failure } from "../contract/failure.ts";

/**
 * What is said among the alerts of an end that the disk does not take: it is not told as the phase before it is saved, since
 * an agent that starts anew would not know of it.
 * @param what what has ended, as a sentence begins: "Update op-1"
 */
export function unsavedOutcomeAlert(what: string, end: { readonly phase: string; readonly error?: Failure }): string {
  const { phase, error } = end;
  return error === undefined
    ? `${what} ends as ${phase} once that can be saved.`
    : `${what} ends as ${phase} (${error.code}) once that can be saved: ${error.message}`;
}
