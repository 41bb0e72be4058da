import type { Failure } from "../contract/failure.ts";

/**
 * The alert about an outcome that is not saved yet. It is not reported as a phase before, because a restarted agent would not
 * know of it.
 * @param what the subject of the sentence: "Update op-1"
 */
export function unsavedOutcomeAlert(
  what: string,
  end: { readonly phase: string; readonly error?: Failure | undefined },
): string {
  const { phase, error } = end;
  return error === undefined
    ? `${what} ends as ${phase} once that can be saved.`
    : `${what} ends as ${phase} (${error.code}) once that can be saved: ${error.message}`;
}
