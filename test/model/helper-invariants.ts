import { createHash } from "node:crypto";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { distinctPowerCuts } from "./disk-key.ts";
import { contentOf } from "./disk-state.ts";
import { epochOf, trustOn, type HelperObservations } from "./helper-state.ts";
import { must } from "./observations.ts";
import type { Environment } from "./environment.ts";

/* What must hold in every history of a board whose images root's helper installs. Decided from disk and board. */

/** An installer is handed a copy: it must be the whole image. Until it has ended, nothing may be armed. */
export function observeInstall(environment: Environment, path: string, sha256: string): Environment {
  const found = createHash("sha256").update(contentOf(environment.disk, path) ?? "");
  const isWhole = found.digest("hex") === sha256;
  must(isWhole, `${path} was handed to the installer, and is not the image.`);
  return { ...environment, helper: { ...environment.helper, installed: null } };
}

/** An installer has written a version to its end. */
export function observeInstalled(environment: Environment, version: string): Environment {
  return { ...environment, helper: { ...environment.helper, installed: version } };
}

/** A version is armed. */
export function observeArm(environment: Environment, version: string): Environment {
  must(environment.helper.installed === version, `${version} is armed, and was not installed to its end.`);
  return environment;
}

/** The installer has committed what runs. */
export function observeCommit(environment: Environment, version: string): Environment {
  return { ...environment, helper: { ...environment.helper, committed: version } };
}

/** At every moment, and whatever a power cut would leave. */
export function checkHelper({ disk, board, helper }: Environment): HelperObservations {
  const { trust, committed } = helper;
  const found = [disk, ...distinctPowerCuts(disk)].map(trustOn);
  for (const { floor, metadata } of found) {
    must(floor >= trust.floor, `The floor fell from ${trust.floor} to ${floor}.`);
    must(metadata >= trust.metadata, `Metadata ${trust.metadata} was stored, and now ${metadata}.`);
    must(floor <= epochOf(committed), `The floor is ${floor}, and ${committed} is what was committed last.`);
  }
  must(Object.values(board.slots).includes(committed), `${committed}, which was committed last, is gone: no way back.`);
  const floor = Math.min(...found.map((one) => one.floor));
  const metadata = Math.min(...found.map((one) => one.metadata));
  return floor === trust.floor && metadata === trust.metadata ? helper : { ...helper, trust: { floor, metadata } };
}

/** A state is saved: a job is completed when its version is committed and the floor has risen, whatever happens next. */
export function checkCompleted({ disk, helper }: Environment, { update }: AgentState): void {
  if (update.phase !== "completed") return;
  const { version } = update.job;
  must(helper.committed === version, `${version} is reported as completed, and was not committed by the helper.`);
  for (const { floor } of distinctPowerCuts(disk).map(trustOn))
    must(floor === epochOf(version), `${version} is reported as completed, and the floor is ${floor}.`);
}
