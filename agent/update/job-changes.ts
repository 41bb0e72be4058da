import { AgentError } from "../lib/errors.ts";
import { hasOtherAddresses } from "./declared-operation.ts";
import type { ResolvedImage } from "./image-name.ts";
import type { ActiveUpdate, Job, UpdateState } from "./job.ts";

/* What changes in the job of an update while the board is unchanged. Pure. */

/**
 * A running job as its changed request now has it: from where, how large, when to apply. What it installs and its id stay, and so
 * does an order to apply it. Undefined where it is too late. New addresses begin with all their tries.
 */
export function changeJob(state: ActiveUpdate, wanted: Job): UpdateState | undefined {
  const { operationId, origin, applyOrdered } = state.job;
  const order = applyOrdered === true ? ({ apply: "now", applyOrdered } as const) : {};
  const job = { ...withKnownImage(state.job, wanted), operationId, origin, ...order };
  switch (state.phase) {
    case "accepted":
    case "verifying":
    case "staged":
      return { ...state, job };
    case "downloading":
      return hasOtherAddresses(state.job, job) ? { ...state, job, attempt: 1 } : { ...state, job };
    default:
      return undefined;
  }
}

/** A job whose signed target is found. It keeps its own address, if it has one. */
export function resolvedJob(
  { unresolved: _found, ...job }: Job,
  { version, sha256, sizeBytes, uri, epoch }: ResolvedImage,
): Job {
  return {
    ...job,
    version,
    sha256,
    sizeBytes,
    uri: job.sha256 === null ? (uri ?? job.uri) : job.uri,
    target: { epoch },
  };
}

/** A changed request of the same operation: what has been found out about its image stays. */
function withKnownImage(before: Job, wanted: Job): Job {
  if (before.unresolved === true || wanted.unresolved === undefined) return wanted;
  const { unresolved: _known, mirrors, ...other } = wanted;
  const { uri, mirrors: otherUris } = wanted.sha256 === null ? before : { uri: other.uri, mirrors };
  const { version, sha256, sizeBytes, target } = before;
  const from = { uri, ...(otherUris === undefined ? {} : { mirrors: otherUris }) };
  return { ...other, ...from, version, sha256, sizeBytes, ...(target === undefined ? {} : { target }) };
}

/** The signed image, unless the request says that it has another size. */
export function requireSameSize({ sizeBytes }: Job, image: ResolvedImage): ResolvedImage {
  if (sizeBytes === null || sizeBytes === image.sizeBytes) return image;
  throw new AgentError(
    "bad-size",
    `The request says that the image has ${sizeBytes} bytes, and the signed one has ${image.sizeBytes}. Correct fwPackageSize, or leave it out; then request the update again.`,
  );
}
