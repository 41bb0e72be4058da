import type { UpdateAction } from "./machine.ts";

/** Identifies an action: the same key does not start it again. Not logged: addresses may hold signatures. */
export function actionKey(action: UpdateAction): string {
  const attempt = "attempt" in action ? action.attempt : "";
  return JSON.stringify([action.kind, action.job.operationId, attempt, ...changeableInputs(action)]);
}

/** What an action uses of its job that a changed desired document may change: then it is started again with that. */
function changeableInputs({ kind, job }: UpdateAction): readonly unknown[] {
  switch (kind) {
    case "resolve":
      return [job.version, job.sha256, job.sizeBytes];
    case "download":
      return [job.uri, job.mirrors, job.sizeBytes];
    case "checkAndStage":
      return [job.sizeBytes];
    case "awaitApplyAllowed":
      return [job.apply, job.startBy];
    default:
      return [];
  }
}
