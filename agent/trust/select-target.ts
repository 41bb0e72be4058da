import { failure, type Failure } from "../contract/failure.ts";
import type { SignedTarget, TrustedTargets } from "./ports.ts";

/** The image that somebody asks for: by digest, by version, or by both. */
export interface WantedImage {
  readonly sha256?: string | undefined;
  readonly version?: string | undefined;
}

/** What a board is and has, as far as a target may ask for it. */
export interface BoardFacts {
  /** Targets with a lower epoch are refused. */
  readonly floor: number;
  /** The board's own names, the most specific first. */
  readonly boards: readonly string[];
  /** `1.2.3`; what follows is not compared. */
  readonly agentVersion: string;
  /** Undefined where any installer will do: on a simulated board. */
  readonly installer: string | undefined;
}

export type Selected =
  | { readonly ok: true; readonly target: SignedTarget }
  | { readonly ok: false; readonly failure: Failure };

/**
 * The signed target of an image, or why there is none. Where several fit, the one of the board's most specific name counts, then
 * the highest epoch; one that this board may install comes before one that it may not.
 * @param during the phase, method or part that asks, for the failure. Codes: `not-signed`, `version-not-published`, and those of
 *   `checkTarget`
 */
export function selectTarget(
  { targets }: TrustedTargets,
  wanted: WantedImage,
  board: BoardFacts,
  during: string,
): Selected {
  const rank = ({ path }: SignedTarget): number => board.boards.findIndex((name) => path.startsWith(`${name}/`));
  const fitting = targets
    .filter(({ sha256 }) => wanted.sha256 === undefined || sha256 === wanted.sha256)
    .filter(({ version }) => wanted.version === undefined || version === wanted.version)
    .sort((a, b) => rank(a) - rank(b) || b.epoch - a.epoch || (a.path < b.path ? -1 : 1));
  const refusals: Failure[] = [];
  for (const target of fitting) {
    const refusal = checkTarget(target, board, during);
    if (refusal === undefined) return { ok: true, target };
    refusals.push(refusal);
  }
  return { ok: false, failure: refusals[0] ?? absent(wanted, targets, board, during) };
}

function absent(
  { sha256, version }: WantedImage,
  targets: readonly SignedTarget[],
  { boards }: BoardFacts,
  during: string,
): Failure {
  const here = boards.length === 0 ? "a board without a name" : boards.join(", ");
  if (sha256 === undefined) {
    const message = `The repository has no version ${version} for this board (${here}). Publish it for this board, or ask for a version that boardkeeper repo list shows.`;
    return failure("version-not-published", during, message);
  }
  const signed = targets.find((target) => target.sha256 === sha256);
  const digest = `${sha256.slice(0, 12)}…`;
  const message =
    signed === undefined
      ? `No signed image for this board (${here}) has the SHA-256 ${digest}. It was not published, or for other boards, or it was retired. Publish it with boardkeeper repo publish.`
      : `The image with the SHA-256 ${digest} was signed as version ${signed.version}, not as ${version}. Ask for the version that was signed.`;
  return failure("not-signed", during, message);
}

/**
 * Why this board must not install a signed target; undefined where it may. Codes: `wrong-board`, `epoch-too-low`,
 * `agent-too-old`, `previous-too-old`, `wrong-installer`.
 */
export function checkTarget(target: SignedTarget, board: BoardFacts, during: string): Failure | undefined {
  const { version, epoch, minAgent, minPrevious = 0 } = target;
  const { floor, boards, agentVersion, installer } = board;
  if (!target.boards.some((name) => boards.includes(name))) {
    const message = `Version ${version} is signed for ${target.boards.join(", ")}, and this board is ${boards.join(", ") || "without a name"}. Ask for an image of this board, or publish this one for it.`;
    return failure("wrong-board", during, message);
  }
  if (epoch < floor) {
    const message = `Version ${version} has epoch ${epoch}, and this board accepts ${floor} and above, because it has committed an image with that. Ask for a newer version, or publish this one again with epoch ${floor}.`;
    return failure("epoch-too-low", during, message);
  }
  if (minAgent !== undefined && isOlder(agentVersion, minAgent)) {
    const message = `Version ${version} needs agent ${minAgent}, and this board has ${agentVersion}. Upgrade boardkeeper-agent first.`;
    return failure("agent-too-old", during, message);
  }
  if (floor < minPrevious) {
    const message = `Version ${version} needs a board that has committed an image of epoch ${minPrevious}, and this one is at ${floor}. Install such a version first.`;
    return failure("previous-too-old", during, message);
  }
  if (installer !== undefined && target.installer !== installer) {
    const message = `Version ${version} is made for the installer ${target.installer}, and this board has ${installer}. Set update.installer, or publish the image for ${installer}.`;
    return failure("wrong-installer", during, message);
  }
  return undefined;
}

/** Compares the three numbers of versions such as 1.2.3. A version that has none is older than all. */
function isOlder(version: string, than: string): boolean {
  const [mine, wanted] = [numbersOf(version), numbersOf(than)];
  const at = wanted.findIndex((number, index) => number !== mine[index]);
  return at >= 0 && (mine[at] ?? -1) < (wanted[at] ?? 0);
}

function numbersOf(version: string): number[] {
  return (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
}
