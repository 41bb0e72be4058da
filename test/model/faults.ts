import { AgentError } from "../../agent/lib/errors.ts";
import { runKey, environmentKey } from "./state-key.ts";
import type { AgentRun } from "./agent-run.ts";
import { excuseBadEnd, Violation } from "./observations.ts";
import type { Environment } from "./environment.ts";

/* What can go wrong at one step of a life, and how it does. Crashes are for whoever walks the lives: they end one. */

/** Duties that change nothing: to do them twice, or to do them and fail, comes to the same as once, or not at all. */
const readOnlyActions = new Set(["read image", "prepare"]);

/** What could go wrong now. */
export function possibleFaults({ scheduler, hubDouble }: AgentRun): Fault[] {
  const { hub } = scheduler.environment;
  const { cancel, nextDesired } = scheduler.scenario;
  const { fineSteps: fineSteps } = scheduler.runOptions;
  const { next } = scheduler.pendingCalls;
  const found: Fault[] = [];
  // In a coarse grain what comes from outside comes once in each saved state, before its duty is begun.
  if (fineSteps || scheduler.actionsSinceSave.length === 0) {
    if (!scheduler.failsNextWrite) found.push("write failed");
    if (hubDouble.isConnected) {
      found.push("connection lost");
      if (!fineSteps && !hubDouble.losesNextAcknowledgement) found.push("acknowledgement lost");
      if (cancel !== undefined) found.push("cancel");
      if (nextDesired !== undefined && hub.desired["firmware"] !== nextDesired["firmware"]) {
        found.push("new desired document");
      }
      if (hub.requests.some(({ id, reply }) => reply !== null && !id.startsWith("cancel"))) {
        found.push("request redelivered");
      }
    }
  }
  if (next?.isAction === true) {
    found.push("action failed");
    if (!readOnlyActions.has(next.label)) found.push("action done, but failed", "action done twice");
    if (next.label === "order reboot") found.push("reboot lost");
  }
  return found;
}

/** Lets something go wrong. */
export function inject({ scheduler, hubDouble }: AgentRun, fault: Fault): void {
  scheduler.trace.push(`FAULT: ${fault}`);
  // A new system whose starts cannot be counted is not tried; one that cannot save its proof gives way.
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
    case "write failed":
      scheduler.failsNextWrite = true;
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
      scheduler.environment = { ...scheduler.environment, observations }; // Twice is what the fault is: it counts once.
      if (call !== undefined) scheduler.complete(call);
      return;
    }
  }
}

/**
 * Where it would be after a fault that the agent does not notice yet.
 * @param faultsLeft how many may still come after it
 */
export function stateAfter(
  run: AgentRun,
  fault: LatentFault,
  faultsLeft: number,
): { readonly key: string; readonly environment: Environment } {
  const { scheduler, hubDouble } = run;
  const { environment, failsNextWrite, trace: labels } = scheduler;
  const before = { deafness: hubDouble.losesNextAcknowledgement, labels: labels.length };
  inject(run, fault);
  const found = { key: runKey(run, faultsLeft), environment: scheduler.environment };
  labels.length = before.labels;
  hubDouble.losesNextAcknowledgement = before.deafness;
  Object.assign(scheduler, { environment, failsNextWrite });
  return found;
}

/**
 * What comes of doing the next duty twice.
 * @returns every world in which the second time may be cut off; undefined when the end is another than after once
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

/*
 * What can go wrong, or come at a bad moment, at one step of a history. Crashes end the life; the others disturb it. Steps of
 * the wall clock are not among them: every reading of it finds that it was stepped (life.ts).
 */

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
  | "new desired document";

export type Crash = "power cut" | "process killed";

/** Faults after which a good job may rightly end otherwise than completed. */
export function excusesBadEnd(fault: Fault): boolean {
  return ["action failed", "action done, but failed", "reboot lost", "cancel", "new desired document"].includes(fault);
}

/** Faults that the agent notices only later: at the next save, or at the next report. */
export type LatentFault = "write failed" | "acknowledgement lost";

export function isLatent(fault: Fault): fault is LatentFault {
  return fault === "write failed" || fault === "acknowledgement lost";
}
