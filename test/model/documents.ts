import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { isJsonObject, textAt } from "../../agent/contract/json.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { isBeforeInstall, isRunning } from "../../agent/update/machine.ts";
import type { DocumentChange, HubState } from "./hub-state.ts";
import { runningVersionOf } from "./board-state.ts";
import type { Environment } from "./environment.ts";
import { must, type ExpectedSave, type Observations } from "./observations.ts";

/* Desired documents that come and go: how they change, and what the agent must make of one that it has read. */

/** An image has the same content on every host. */
export function contentAt(uri: string): string {
  return uri.replace(/^https:\/\/[^/]+/, "https://images.example");
}

/** The hub after a change; undefined where it would change nothing. */
export function changeDocument(hub: HubState, change: DocumentChange, first: JsonObject): HubState | undefined {
  const { firmware: before, ...others } = hub.desired;
  const firmware = documentAfter(change, first["firmware"]);
  if (JSON.stringify(firmware) === JSON.stringify(before)) return undefined;
  const desired = firmware === undefined ? others : { ...others, firmware };
  return { ...hub, desired, desiredVersion: change === "older document" ? 1 : hub.desiredVersion + 1 };
}

function documentAfter(change: DocumentChange, first: Json | undefined): Json | undefined {
  if (change === "document withdrawn") return undefined;
  if (change !== "document changed" || !isJsonObject(first)) return first;
  const uri = (textAt(first, "fwPackageUri") ?? "").replace("images.example", "mirror.example");
  return { ...first, fwPackageUri: uri, apply: "manual" };
}

/**
 * The agent has read the desired properties.
 * @param saved what it has saved, where it runs and can save; undefined where it is open when it acts on them
 */
export function observeReading(environment: Environment, saved: AgentState | undefined): Environment {
  const firmware = environment.hub.desired["firmware"];
  const hasReadWithdrawal = environment.observations.hasReadWithdrawal || firmware === undefined;
  const expected = saved === undefined ? null : expectedSave(firmware, saved);
  return { ...environment, observations: { ...environment.observations, hasReadWithdrawal, expectedSave: expected } };
}

/** The disk fails a write: what is saved next is open. */
export function expectNothing(environment: Environment): Environment {
  return { ...environment, observations: { ...environment.observations, expectedSave: null } };
}

/** Null where the document leaves the saved update as it is, or where that was not declared. */
function expectedSave(firmware: Json | undefined, { update }: AgentState): ExpectedSave | null {
  if (!isRunning(update) || !isBeforeInstall(update) || update.job.origin !== "desired") return null;
  const { operationId: job, version, uri, apply } = update.job;
  if (firmware === undefined) return { kind: "cancelled", job };
  const declared = parse(firmware);
  if (declared.version !== version) return { kind: "cancelled", job };
  return declared.uri === uri && declared.apply === apply ? null : { kind: "changed", job, ...declared };
}

/** The save after a reading is what the document asks for. */
export function checkExpectedSave(expected: ExpectedSave | null, { update }: AgentState): void {
  if (expected === null || !("job" in update)) return;
  const { operationId, uri, apply } = update.job;
  switch (expected.kind) {
    case "cancelled":
      return must(
        operationId === expected.job && update.phase === "cancelled",
        `${expected.job} was withdrawn or replaced, and ${operationId} is now ${update.phase}.`,
      );
    case "changed":
      must(
        operationId === expected.job && isRunning(update),
        `${expected.job} was changed, and ${operationId} is now ${update.phase}.`,
      );
      return must(
        uri === expected.uri && apply === expected.apply,
        `${operationId} was to come from ${expected.uri} (${expected.apply}), and comes from ${uri} (${apply}).`,
      );
  }
}

/** When nothing is left to do, the board has done what the document asks for, or has tried to. */
export function checkDeclared({ hub, board, observations }: Environment, { update }: AgentState): void {
  const firmware = hub.desired["firmware"];
  const isDeclared = "job" in update && update.job.origin === "desired";
  if (firmware === undefined)
    return must(!isDeclared || !isRunning(update), "A document was withdrawn, and its update waits.");
  const { version, uri } = parse(firmware);
  if (runningVersionOf(board) === version) return;
  const isOf = (job: { readonly uri: string | null }): boolean =>
    job.uri !== null && contentAt(job.uri) === contentAt(uri);
  must(Object.values(observations.jobs).some(isOf), `${version} is declared, and was not begun.`);
  if (!isDeclared) return; // A method has overtaken it.
  const { operationId, uri: tried } = update.job;
  must(isOf(update.job), `${version} is declared, and ${operationId} came after it.`);
  const code = "error" in update ? update.error?.code : undefined;
  must(code !== "withdrawn" && code !== "replaced", `${operationId} was declared again, and not begun again.`);
  const isAddressOld = update.phase === "failed" && update.error.during === "downloading" && tried !== uri;
  must(!isAddressOld, `${operationId} failed at ${tried}, and was not tried at ${uri}.`);
  must(!isRunning(update) || tried === uri, `${operationId} waits with an address that is not declared.`);
}

/** An update that has ended may begin again: where it was withdrawn or replaced, or where it failed while fetching and has another address. */
export function mayBeginAgain(update: AgentState["update"]): "anywhere" | "elsewhere" | null {
  if (update.phase === "cancelled" && ["withdrawn", "replaced"].includes(update.error?.code ?? "")) return "anywhere";
  return update.phase === "failed" && update.error.during === "downloading" ? "elsewhere" : null;
}

/** Whether this save begins a declared job once more that was on disk before. The same image is the same operation here. */
export function isBegunAgain({ update }: AgentState, { jobs, jobOrder }: Observations): boolean {
  if (update.phase !== "accepted" || update.job.origin !== "desired") return false;
  const { operationId, uri } = update.job;
  const last = jobOrder.at(-1);
  const before = last === undefined ? undefined : jobs[last];
  const isKnown = jobOrder.includes(operationId);
  // After another image it is declared again.
  if (before === undefined || before.uri === null || contentAt(before.uri) !== contentAt(uri)) return isKnown;
  if (before.end === null) {
    must(last === operationId, `${last} went on as ${operationId}.`);
    return false;
  }
  const isAllowed = before.mayBeginAgain === "anywhere" || (before.mayBeginAgain === "elsewhere" && uri !== before.uri);
  must(isAllowed, `${last} had ended as ${before.end}, and was begun again.`);
  return isKnown;
}

/** A job begins again: of its former life nothing is held against it. */
export function forgetJob(environment: Environment, job: string): Environment {
  const { [job]: _former, ...jobs } = environment.observations.jobs;
  const jobOrder = environment.observations.jobOrder.filter((one) => one !== job);
  return { ...environment, observations: { ...environment.observations, jobs, jobOrder } };
}

function parse(firmware: Json): { readonly version: string; readonly uri: string; readonly apply: string } {
  const section = isJsonObject(firmware) ? firmware : {};
  return {
    version: textAt(section, "fwVersion") ?? "",
    uri: textAt(section, "fwPackageUri") ?? "",
    apply: textAt(section, "apply") ?? "now",
  };
}
