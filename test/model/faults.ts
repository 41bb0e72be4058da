import { AgentError } from "../../agent/lib/errors.ts";
import { runKey, environmentKey } from "./state-key.ts";
import type { AgentRun } from "./agent-run.ts";
import { expireLease } from "./clock-state.ts";
import { changeDocument, expectNothing } from "./documents.ts";
import {
  changeTwin,
  documentChanges as everyDocumentChange,
  type DocumentChange,
  type TwinChange,
} from "./hub-state.ts";
import { excuseBadEnd, Violation } from "./observations.ts";
import type { Environment } from "./environment.ts";

/* The faults, when each can come, and how it is injected. Crashes end a run: explore.ts plans what follows them. */

/** Actions that change nothing: to repeat one, or to report it as failed, is the same as once, or as not at all. */
const readOnlyActions = new Set(["read image", "prepare"]);

/** The faults that can come now. */
export function possibleFaults(run: AgentRun): Fault[] {
  const { scheduler, hubDouble } = run;
  const { hub } = scheduler.environment;
  const { cancel, desired, nextDesired, twinChanges, documentChanges = [] } = scheduler.scenario;
  if (scheduler.scenario.viaHelper === true) return helperFaults(run);
  const { fineSteps } = scheduler.runOptions;
  const { next } = scheduler.pendingCalls;
  const found: Fault[] = [];
  // Without fine steps, what comes from outside comes once in each saved state, before its action begins.
  if (fineSteps || scheduler.actionsSinceSave.length === 0) {
    if (!scheduler.failsNextWrite) found.push("write failed");
    if (hubDouble.isConnected) {
      found.push("connection lost");
      if (!fineSteps && !hubDouble.losesNextAcknowledgement) found.push("acknowledgement lost");
      if (cancel !== undefined) found.push("cancel");
      if (nextDesired !== undefined && hub.desired["firmware"] !== nextDesired["firmware"]) {
        found.push("new desired document");
      }
      found.push(...documentChanges.filter((change) => changeDocument(hub, change, desired) !== undefined));
      if (hub.twinChange === null && hub.reported["boardkeeper"] !== undefined) found.push(...twinChanges);
      if (hub.requests.some(({ id, reply }) => reply !== null && !id.startsWith("cancel"))) {
        found.push("request redelivered");
      }
    }
  }
  // Not in the middle of a save: what that holds was decided before.
  const isSaving = scheduler.pendingCalls.labels.some((label) => label.startsWith("save "));
  const { clock } = scheduler.environment;
  if (scheduler.scenario.lease !== undefined && (fineSteps ? !isSaving : scheduler.actionsSinceSave.length === 0)) {
    if (!clock.isLeaseExpired) found.push("lease expires");
    if (!clock.isSet) found.push("clock set");
  }
  if (next?.isAction === true) {
    found.push("action failed");
    if (!readOnlyActions.has(next.label)) found.push("action done, but failed", "action done twice");
    if (next.label === "order reboot") found.push("reboot lost");
  }
  return found;
}

/** At each word, and at each effect of the helper. That the helper and the agent end together is a crash like any other. */
function helperFaults({ scheduler, helper }: AgentRun): Fault[] {
  if (scheduler.isAgentKilled || !helper.isAlive || !scheduler.isInstalling) return [];
  const [label = ""] = scheduler.pendingCalls.labels;
  // Between two requests, the loss of the connection is like the helper's death, and the agent's like a crash of both.
  const isAtWork = label.startsWith("helper") || label.startsWith("agent says ");
  if (!isAtWork) return ["helper killed"];
  return ["helper killed", "agent killed", ...(helper.isConnected ? (["connection to helper lost"] as const) : [])];
}

/** Injects a fault. */
export function inject({ scheduler, hubDouble, helper }: AgentRun, fault: Fault): void {
  scheduler.trace.push(`FAULT: ${fault}`);
  // A new system whose boots cannot be counted is not tried, and one that cannot save its health is rolled back.
  const isLasting = fault === "write failed" && scheduler.runOptions.writeFailureMs !== undefined;
  if (isLasting || excusesBadEnd(fault)) scheduler.environment = excuseBadEnd(scheduler.environment);
  const { hub } = scheduler.environment;
  switch (fault) {
    case "connection lost":
      return hubDouble.loseConnection();
    case "acknowledgement lost":
      hubDouble.losesNextAcknowledgement = true;
      return;
    case "cancel":
      if (scheduler.scenario.cancel !== undefined) {
        const asked = { ...scheduler.scenario.cancel, id: `cancel ${hub.requests.length}`, reply: null };
        scheduler.environment = { ...scheduler.environment, hub: { ...hub, requests: [...hub.requests, asked] } };
        hubDouble.deliver(asked);
      }
      return;
    case "request redelivered": {
      const answered = hub.requests.findLast(({ reply, id }) => reply !== null && !id.startsWith("cancel"));
      if (answered !== undefined) hubDouble.deliver(answered);
      return;
    }
    case "new desired document":
      return hubDouble.setDesired(scheduler.scenario.nextDesired ?? {});
    case "document withdrawn":
    case "document declared":
    case "document changed":
    case "older document":
      return hubDouble.replaceHub(
        changeDocument(hub, fault, scheduler.scenario.desired) ?? hub,
        fault === "older document",
      );
    case "twin emptied":
    case "twin rolled back":
    case "twin of another board":
      // What is done to a hub ends its connections; a change under a standing one is found by the readings of each day.
      scheduler.environment = { ...scheduler.environment, hub: changeTwin(hub, fault) };
      return hubDouble.loseConnection();
    case "helper killed":
      scheduler.actionsSinceSave.push(fault); // The agent may count that.
      return helper.kill();
    case "connection to helper lost":
      scheduler.actionsSinceSave.push(fault);
      return helper.cutConnections();
    case "agent killed": {
      const { pendingCalls } = scheduler;
      scheduler.isAgentKilled = true;
      pendingCalls.removeAll(pendingCalls.labels.filter((label) => !label.startsWith("helper")));
      return helper.agentDied();
    }
    case "lease expires":
      return scheduler.changeClock((clock) => expireLease(clock, scheduler.saved));
    case "clock set":
      return scheduler.changeClock((clock) => ({ ...clock, isSet: true }));
    case "write failed":
      scheduler.failsNextWrite = true;
      scheduler.isSaveOverdue = true;
      scheduler.environment = expectNothing(scheduler.environment);
      return;
    case "action failed":
      return scheduler.takeNextCall()?.reject(new AgentError("installer-failed", "It failed."));
    case "reboot lost":
      return scheduler.takeNextCall()?.resolve(undefined as never);
    case "action done, but failed": {
      const call = scheduler.takeNextCall();
      call?.effect();
      scheduler.crashPoint();
      return call?.reject(new AgentError("installer-failed", "It failed."));
    }
    case "action done twice": {
      const call = scheduler.takeNextCall();
      const { observations } = scheduler.environment;
      call?.effect();
      scheduler.environment = { ...scheduler.environment, observations }; // The repetition is the fault: it is observed once.
      if (call !== undefined) scheduler.complete(call);
      return;
    }
  }
}

/**
 * The state after a fault that the agent does not notice yet.
 * @param faultsLeft how many may still follow
 */
export function stateAfter(
  run: AgentRun,
  fault: LatentFault,
  faultsLeft: number,
): { readonly key: string; readonly environment: Environment } {
  const { scheduler, hubDouble } = run;
  const { environment, failsNextWrite, isSaveOverdue, trace: labels } = scheduler;
  const before = { deafness: hubDouble.losesNextAcknowledgement, labels: labels.length };
  inject(run, fault);
  const found = { key: runKey(run, faultsLeft), environment: scheduler.environment };
  labels.length = before.labels;
  hubDouble.losesNextAcknowledgement = before.deafness;
  Object.assign(scheduler, { environment, failsNextWrite, isSaveOverdue });
  return found;
}

/**
 * Repeats the next action.
 * @returns the environments in which a crash may cut off the repetition; undefined when the result differs from once
 */
export function environmentsOfRepeating({ scheduler }: AgentRun): Environment[] | undefined {
  const { next } = scheduler.pendingCalls;
  if (next === undefined) return undefined;
  const { environment, onCrashPoint } = scheduler;
  const environments: Environment[] = [];
  scheduler.onCrashPoint = () => undefined;
  try {
    next.effect();
    const once = environmentKey(scheduler.environment);
    scheduler.environment = { ...scheduler.environment, observations: environment.observations };
    scheduler.onCrashPoint = (now) => environments.push(now);
    next.effect();
    scheduler.crashPoint();
    return environmentKey(scheduler.environment) === once ? environments : undefined;
  } catch (thrown) {
    if (thrown instanceof Violation) throw thrown;
    return undefined;
  } finally {
    scheduler.environment = environment;
    scheduler.onCrashPoint = onCrashPoint;
  }
}

/* Steps of the wall clock beside the lease are not among the faults: each reading of it finds that it was stepped (agent-run.ts). */

export type Fault =
  | "connection lost"
  | "acknowledgement lost"
  | "action failed"
  | "action done, but failed"
  | "action done twice"
  | "write failed"
  | "reboot lost"
  | "request redelivered"
  | "cancel"
  | "new desired document"
  | "lease expires"
  | "clock set"
  | "helper killed"
  | "connection to helper lost"
  | "agent killed"
  | DocumentChange
  | TwinChange;

export type Crash = "power cut" | "process killed";

/** Faults after which a good job may end otherwise than completed. */
function excusesBadEnd(fault: Fault): boolean {
  const others = [
    "helper killed",
    "connection to helper lost",
    "action failed",
    "action done, but failed",
    "reboot lost",
    "cancel",
    "new desired document",
  ];
  return [...others, ...everyDocumentChange].includes(fault);
}

/** Faults that the agent notices only later: at the next save, or at the next report. */
export type LatentFault = "write failed" | "acknowledgement lost";

export function isLatent(fault: Fault): fault is LatentFault {
  return fault === "write failed" || fault === "acknowledgement lost";
}
