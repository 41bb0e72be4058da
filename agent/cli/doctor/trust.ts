import type { SeedSummary, TrustDescription } from "../format/format-trust.ts";
import { findings, type Finding } from "./finding.ts";

export interface TrustFacts extends TrustDescription {
  readonly isSimulated: boolean;
  /** The time by this board's clock, in milliseconds since 1970; null while no time server has set it. */
  readonly nowMs: number | null;
  /** `update.repository`; null where it is not set. */
  readonly repository: string | null;
  /** `update.installer`: without one no image is installed, signed or not. */
  readonly installer: string;
}

const boardConfig = findings("board.conf");
const root = findings("trust root");
const boardNames = findings("board names");
const repository = findings("repository");
const metadata = findings("metadata");

/** A publisher needs this long to sign and to reach a fleet. */
const expiresSoonMs = 90 * 86_400_000;
const addAdvice = "sudo boardkeeper-agent trust add root.json (the file is in the publisher's repository)";

/** Whose images the board installs, and what keeps it from them. */
export function checkTrust(facts: TrustFacts): Finding[] {
  const config = facts.boardConfigProblem === null ? [] : [boardConfig.fault(...split(facts.boardConfigProblem))];
  if (facts.damage !== null) return [...config, root.fault(...split(facts.damage))];
  if (facts.root === null) return [...config, checkWithoutRoot(facts)];
  return [
    ...config,
    checkRoot(facts),
    ...checkStore(facts),
    checkNames(facts),
    checkRepository(facts),
    checkMetadata(facts),
  ];
}

function checkWithoutRoot({ isSimulated, unsignedAllowed, installer }: TrustFacts): Finding {
  if (isSimulated) return root.ok("none: a simulated board without one installs what it is asked for");
  if (unsignedAllowed)
    return root.warning(
      "none, and update.allow-unsigned is set: whoever holds the hub's key can install any image",
      addAdvice,
    );
  const what = "none: the board cannot tell whose images it may install, and refuses updates (trust-root-missing)";
  return installer === "none" ? root.warning(what, addAdvice) : root.fault(what, addAdvice);
}

function checkRoot({ root: found, nowMs, unsignedAllowed }: TrustFacts): Finding {
  if (found === null) return root.unknown("not read");
  const what = `version ${found.version}, expires ${found.expires.slice(0, 10)}`;
  const leftMs = nowMs === null ? Number.POSITIVE_INFINITY : Date.parse(found.expires) - nowMs;
  const renew = "Its publisher must sign a new one: boardkeeper repo rotate";
  if (leftMs <= 0) return root.fault(`${what}: it has expired, and updates are refused`, renew);
  if (leftMs < expiresSoonMs) return root.warning(`${what}: that is soon`, renew);
  if (unsignedAllowed)
    return root.warning(
      `${what}; update.allow-unsigned is set too, and changes nothing beside it`,
      "Take update.allow-unsigned out of /etc/boardkeeper/board.conf, so that nobody relies on it",
    );
  return root.ok(what);
}

/** What was lost of the store, and whether it could be made anew. */
function checkStore({ problems, remade, seed, root: found }: TrustFacts): Finding[] {
  const said: Finding[] = [];
  if (problems.length > 0)
    said.push(
      root.warning(
        `the trust store is damaged: ${withoutStop(problems.join(" "))}`,
        "Root's helper mends it with the next update. Check the board's disk",
      ),
    );
  if (remade !== null)
    said.push(
      root.warning(
        `the trust store was made anew: ${withoutStop(remade)}`,
        "Check the board's disk, and who could write to it. The next update that is proven ends this warning",
      ),
    );
  const again = "sudo boardkeeper-agent trust add root.json";
  if ("problem" in seed)
    said.push(root.warning(`a lost trust store could not be made anew: ${seed.path} ${seed.problem}`, again));
  else if (isOfAnother(seed, found))
    said.push(root.warning(`${seed.path} is of another publisher than the root that the board trusts`, again));
  return said;
}

/** Whether the seed cannot be an earlier root of the same publisher. */
function isOfAnother(seed: Extract<SeedSummary, { version: number }>, found: TrustDescription["root"]): boolean {
  return found !== null && seed.version >= found.version && seed.fingerprint !== found.fingerprint;
}

function checkNames({ boards, boardsFrom }: TrustFacts): Finding {
  if (boards.length > 0) return boardNames.ok(`${boards.join(", ")} (${boardsFrom ?? "unknown"})`);
  return boardNames.fault(
    "nothing names this board, so no signed image is for it",
    "Name it in /etc/boardkeeper/board.conf: board.compatible = acme,gateway",
  );
}

function checkRepository({ repository: address }: TrustFacts): Finding {
  if (address !== null) return repository.ok(`${address}; not asked: the next update asks it`);
  return repository.warning(
    "update.repository is not set: the board learns of new images only with install --repository",
    "Set update.repository to the address of the publisher's repository",
  );
}

function checkMetadata({ metadata: found }: TrustFacts): Finding {
  if (found === null) return metadata.unknown("not read");
  if ("code" in found) {
    if (found.code === "metadata-missing")
      return metadata.ok("none yet: it is read from the repository with the first update");
    return metadata.fault(...split(found.message));
  }
  const { staleness, images } = found;
  if (staleness !== null) return metadata.warning(...split(staleness));
  if (images.length === 0)
    return metadata.warning("no image is signed for this board", "Publish one: boardkeeper repo publish");
  return metadata.ok(`${images.length} image${images.length === 1 ? "" : "s"} for this board: ${listed(images)}`);
}

function listed(images: readonly { readonly version: string }[]): string {
  const shown = images.slice(0, 5).map(({ version }) => version);
  return images.length > shown.length ? `${shown.join(", ")} …` : shown.join(", ");
}

/** A message's first sentence says what, the rest what to do. */
function split(message: string): [what: string, advice?: string] {
  const at = message.indexOf(". ");
  if (at < 0) return [withoutStop(message)];
  return [message.slice(0, at), withoutStop(message.slice(at + 2))];
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, "");
}
