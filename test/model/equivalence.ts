import { disturb, possible } from "./inject-fault.ts";
import { isSilent, type Disturbance } from "./faults.ts";
import { lifeKey, spelledOut, worldKey } from "./state-key.ts";
import { Life } from "./agent-run.ts";
import { afterDeath } from "./observations.ts";
import type { Grain } from "./scheduler.ts";
import { turn } from "./virtual-time.ts";
import { cutOff, rebooted, type Scenario, type World } from "./environment.ts";

/*
 * Whether two moments that were taken for one have the same future: goes on from both, in every way that there is, and
 * compares what comes next.
 */

/** A disturbance at a step of a life. */
export interface Choice {
  readonly step: number;
  readonly fault: Disturbance;
}

/** Where a life has come to: from which world, with what going wrong, after how many steps; -1 before it begins. */
export interface Moment {
  readonly world: World;
  readonly choices: readonly Choice[];
  readonly step: number;
}

/**
 * Goes on from two moments.
 * @param faultsLeft how many faults may still come
 * @returns each way to go on of which something else comes, with what comes of it only in one
 */
export async function differences(
  scenario: Scenario,
  grain: Grain,
  [one, other]: readonly [Moment, Moment],
  faultsLeft: number,
): Promise<string[]> {
  const ways = await waysOn(scenario, grain, one);
  const same = (await waysOn(scenario, grain, other)).join() === ways.join();
  if (!same) return [`other ways to go on: ${(await waysOn(scenario, grain, other)).join()} for ${ways.join()}`];
  const found: string[] = [];
  for (const way of ways) {
    const left = faultsLeft - (way === "by itself" ? 0 : 1);
    if (left < 0) continue;
    const first = await comesOf(scenario, grain, one, way, left);
    const second = await comesOf(scenario, grain, other, way, left);
    const [onlyFirst, onlySecond] = [
      first.filter((key) => !second.includes(key)),
      second.filter((key) => !first.includes(key)),
    ];
    if (onlyFirst.length + onlySecond.length > 0)
      found.push(`${way}: ${apart(onlyFirst[0] ?? "", onlySecond[0] ?? "")}`);
  }
  return found;
}

/** Where two keys differ, in words. */
function apart(one: string, other: string): string {
  const [first, second] = [spelledOut(one), spelledOut(other)];
  return first.flatMap((part, at) => (part === second[at] ? [] : [`${part} <> ${second[at]}`])).join("; ");
}

type Way = Disturbance | "by itself";

async function waysOn(scenario: Scenario, grain: Grain, moment: Moment): Promise<Way[]> {
  if (moment.step < 0) return ["by itself"];
  const life = await retold(scenario, grain, moment);
  const ways: Way[] = life.ending === undefined ? ["by itself", ...possible(life)] : ["by itself"];
  life.abandon();
  return ways;
}

/** What may be found next: the state that it comes to, and every world that a crash on the way leaves. */
async function comesOf(
  scenario: Scenario,
  grain: Grain,
  moment: Moment,
  way: Way,
  faultsLeft: number,
): Promise<string[]> {
  const worlds: World[] = [];
  const watch = (world: World): void => void worlds.push(world, ...cutOff(world, scenario));
  const life = await retold(scenario, grain, moment);
  life.stage.onCrashPoint = watch;
  if (moment.step < 0) {
    life.begin();
  } else if (life.ending === undefined) {
    if (way !== "by itself") disturb(life, way);
    if (way === "by itself" || isSilent(way)) life.goOn();
  }
  await turn();
  const { ending, stage } = life;
  if (ending === "rebooted") worlds.push(...rebooted(stage.world, scenario));
  const state = `${ending ?? "lives"} ${lifeKey(life, faultsLeft)}`;
  life.abandon();
  const left = worlds.map((world) => worldKey({ ...world, ledger: afterDeath(world.ledger) }));
  return [state, ...new Set(faultsLeft > 0 || ending === "rebooted" ? left : [])];
}

async function retold(scenario: Scenario, grain: Grain, { world, choices, step }: Moment): Promise<Life> {
  const life = new Life(world, scenario, grain, () => undefined);
  await life.load();
  if (step < 0) return life;
  life.begin();
  for (let at = 0; ; at += 1) {
    await turn();
    if (at === step) return life;
    const chosen = choices.find((choice) => choice.step === at);
    if (chosen !== undefined) disturb(life, chosen.fault);
    else life.goOn();
  }
}
