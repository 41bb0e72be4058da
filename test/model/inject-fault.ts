import { AgentError } from "../../agent/lib/errors.ts";
import { excuses, type Disturbance, type Silent } from "./faults.ts";
import { lifeKey, worldKey } from "./state-key.ts";
import type { Life } from "./agent-run.ts";
import { excused } from "./observations.ts";
import { Violation } from "./violation.ts";
import type { World } from "./environment.ts";

/* What can go wrong at one step of a life, and how it does. Crashes are for whoever walks the lives: they end one. */

/** Duties that change nothing: to do them twice, or to do them and fail, comes to the same as once, or not at all. */
const reads = new Set(["read image", "prepare"]);

/** What could go wrong now. */
export function possible({ stage, line }: Life): Disturbance[] {
  const { hub } = stage.world;
  const { cancel, nextDesired } = stage.scenario;
  const { isFine } = stage.grain;
  const { next } = stage.calls;
  const found: Disturbance[] = [];
  // In a coarse grain what comes from outside comes once in each saved state, before its duty is begun.
  if (isFine || stage.sinceSave.length === 0) {
    if (!stage.refusal) found.push("save refused");
    if (line.isUp) {
      found.push("link lost");
      if (!isFine && !line.deafness) found.push("link lost under a report");
      if (cancel !== undefined) found.push("cancel");
      if (nextDesired !== undefined && hub.desired["firmware"] !== nextDesired["firmware"]) {
        found.push("new desired document");
      }
      if (hub.requests.some(({ id, reply }) => reply !== null && !id.startsWith("cancel"))) {
        found.push("request redelivered");
      }
    }
  }
  if (next?.isDuty === true) {
    found.push("duty failed");
    if (!reads.has(next.label)) found.push("duty done, but failed", "duty done twice");
    if (next.label === "order reboot") found.push("reboot lost");
  }
  return found;
}

/** Lets something go wrong. */
export function disturb({ stage, line }: Life, fault: Disturbance): void {
  stage.labels.push(`FAULT: ${fault}`);
  // A new system whose starts cannot be counted is not tried; one that cannot save its proof gives way.
  const isLasting = fault === "save refused" && stage.grain.refusalMs !== undefined;
  if (isLasting || excuses(fault)) stage.world = excused(stage.world);
  const { hub } = stage.world;
  switch (fault) {
    case "link lost":
      return line.lose();
    case "link lost under a report":
      line.deafness = true;
      return;
    case "cancel":
      if (stage.scenario.cancel !== undefined) {
        const asked = { ...stage.scenario.cancel, id: `cancel ${hub.requests.length}`, reply: null };
        stage.world = { ...stage.world, hub: { ...hub, requests: [...hub.requests, asked] } };
        line.deliver(asked);
      }
      return;
    case "request redelivered": {
      const answered = hub.requests.findLast(({ reply, id }) => reply !== null && !id.startsWith("cancel"));
      if (answered !== undefined) line.deliver(answered);
      return;
    }
    case "new desired document":
      return line.setDesired(stage.scenario.nextDesired ?? {});
    case "save refused":
      stage.refusal = true;
      return;
    case "duty failed":
      return stage.nextCall()?.reject(new AgentError("installer-failed", "It failed."));
    case "reboot lost":
      return stage.nextCall()?.resolve(undefined as never);
    case "duty done, but failed": {
      const call = stage.nextCall();
      call?.effect();
      stage.crashPoint();
      return call?.reject(new AgentError("installer-failed", "It failed."));
    }
    case "duty done twice": {
      const call = stage.nextCall();
      const { ledger } = stage.world;
      call?.effect();
      stage.world = { ...stage.world, ledger }; // Twice is what the fault is: it counts once.
      if (call !== undefined) stage.complete(call);
      return;
    }
  }
}

/**
 * Where it would be after a fault that the agent does not notice yet.
 * @param faultsLeft how many may still come after it
 */
export function after(life: Life, fault: Silent, faultsLeft: number): { readonly key: string; readonly world: World } {
  const { stage, line } = life;
  const { world, refusal, labels } = stage;
  const before = { deafness: line.deafness, labels: labels.length };
  disturb(life, fault);
  const found = { key: lifeKey(life, faultsLeft), world: stage.world };
  labels.length = before.labels;
  line.deafness = before.deafness;
  Object.assign(stage, { world, refusal });
  return found;
}

/**
 * What comes of doing the next duty twice.
 * @returns every world in which the second time may be cut off; undefined when the end is another than after once
 */
export function twice({ stage }: Life): World[] | undefined {
  const { next } = stage.calls;
  if (next === undefined) return undefined;
  const { world, onCrashPoint } = stage;
  const worlds: World[] = [];
  stage.onCrashPoint = () => undefined;
  try {
    next.effect();
    const once = worldKey(stage.world);
    stage.world = { ...stage.world, ledger: world.ledger };
    stage.onCrashPoint = (now) => worlds.push(now);
    next.effect();
    stage.crashPoint();
    return worldKey(stage.world) === once ? worlds : undefined;
  } catch (thrown) {
    if (thrown instanceof Violation) throw thrown;
    return undefined;
  } finally {
    stage.world = world;
    stage.onCrashPoint = onCrashPoint;
  }
}
