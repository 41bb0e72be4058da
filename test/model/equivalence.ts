import { inject, possibleFaults, isLatent, type Fault } from "./faults.ts";
import { describeKey } from "./disk-key.ts";
import { environmentKey, runKey } from "./state-key.ts";
import { AgentRun } from "./agent-run.ts";
import { afterProcessEnd } from "./observations.ts";
import type { RunOptions } from "./scheduler.ts";
import { drainEventLoop } from "./virtual-time.ts";
import { afterPowerCut, afterReboot, type Scenario, type Environment } from "./environment.ts";

/*
 * Whether two merged states have the same future: goes on from both, in every way that there is, and compares what comes
 * next.
 */

/** A fault at a step of a run. */
export interface InjectedFault {
  readonly step: number;
  readonly fault: Fault;
}

/** How a state was reached: from which environment, with which faults, after how many steps; -1 before the run begins. */
export interface ReachedState {
  readonly environment: Environment;
  readonly injected: readonly InjectedFault[];
  readonly step: number;
}

/**
 * Goes on from two states.
 * @param faultsLeft how many faults may still follow
 * @returns each continuation after which the two differ, with the first difference
 */
export async function futureDifferences(
  scenario: Scenario,
  runOptions: RunOptions,
  [one, other]: readonly [ReachedState, ReachedState],
  faultsLeft: number,
): Promise<string[]> {
  const ways = await continuationsOf(scenario, runOptions, one);
  const same = (await continuationsOf(scenario, runOptions, other)).join() === ways.join();
  if (!same)
    return [`other ways to go on: ${(await continuationsOf(scenario, runOptions, other)).join()} for ${ways.join()}`];
  const found: string[] = [];
  for (const way of ways) {
    const left = faultsLeft - (way === "by itself" ? 0 : 1);
    if (left < 0) continue;
    const first = await successorsOf(scenario, runOptions, one, way, left);
    const second = await successorsOf(scenario, runOptions, other, way, left);
    const [onlyFirst, onlySecond] = [
      first.filter((key) => !second.includes(key)),
      second.filter((key) => !first.includes(key)),
    ];
    if (onlyFirst.length + onlySecond.length > 0)
      found.push(`${way}: ${describeDifference(onlyFirst[0] ?? "", onlySecond[0] ?? "")}`);
  }
  return found;
}

/** Where two keys differ, for people. */
function describeDifference(one: string, other: string): string {
  const [first, second] = [describeKey(one), describeKey(other)];
  return first.flatMap((part, at) => (part === second[at] ? [] : [`${part} <> ${second[at]}`])).join("; ");
}

type Continuation = Fault | "by itself";

async function continuationsOf(
  scenario: Scenario,
  runOptions: RunOptions,
  moment: ReachedState,
): Promise<Continuation[]> {
  if (moment.step < 0) return ["by itself"];
  const run = await replay(scenario, runOptions, moment);
  const ways: Continuation[] = run.end === undefined ? ["by itself", ...possibleFaults(run)] : ["by itself"];
  run.abandon();
  return ways;
}

/** What follows: the key of the next state, and of every environment that a crash on the way leaves. */
async function successorsOf(
  scenario: Scenario,
  runOptions: RunOptions,
  moment: ReachedState,
  way: Continuation,
  faultsLeft: number,
): Promise<string[]> {
  const environments: Environment[] = [];
  const watch = (environment: Environment): void =>
    void environments.push(environment, ...afterPowerCut(environment, scenario));
  const run = await replay(scenario, runOptions, moment);
  run.scheduler.onCrashPoint = watch;
  if (moment.step < 0) {
    run.start();
  } else if (run.end === undefined) {
    if (way !== "by itself") inject(run, way);
    if (way === "by itself" || isLatent(way)) run.step();
  }
  await drainEventLoop();
  const { end, scheduler } = run;
  if (end === "rebooted") environments.push(...afterReboot(scheduler.environment, scenario));
  const state = `${end ?? "lives"} ${runKey(run, faultsLeft)}`;
  run.abandon();
  const left = environments.map((environment) =>
    environmentKey({ ...environment, observations: afterProcessEnd(environment.observations) }),
  );
  return [state, ...new Set(faultsLeft > 0 || end === "rebooted" ? left : [])];
}

async function replay(
  scenario: Scenario,
  runOptions: RunOptions,
  { environment, injected, step }: ReachedState,
): Promise<AgentRun> {
  const run = new AgentRun(environment, scenario, runOptions, () => undefined);
  await run.load();
  if (step < 0) return run;
  run.start();
  for (let at = 0; ; at += 1) {
    await drainEventLoop();
    if (at === step) return run;
    const chosen = injected.find((choice) => choice.step === at);
    if (chosen !== undefined) inject(run, chosen.fault);
    else run.step();
  }
}
