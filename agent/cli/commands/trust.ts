import { dirname } from "node:path";
import { FolderUnusable } from "../../board/fs/disk.ts";
import { makeReadableFolder, replaceFile } from "../../board/fs/files.ts";
import { sendMetadata } from "../../board/local-api/client.ts";
import { HelperBusy } from "../../board/systemd/helper-lock.ts";
import { unlinkedDisk } from "../../board/trust/own-files.ts";
import { NotRootOwned, readRootOwned } from "../../board/trust/root-owned.ts";
import { maxMetadataBytes } from "../../contract/signed-target.ts";
import { AgentError, errorCode, errorMessage } from "../../lib/errors.ts";
import { readRegularFile } from "../../lib/regular-file.ts";
import { chooseRoot, type RootChoice } from "../../trust/owner-root.ts";
import { verifyRoot, type TrustRoot } from "../../trust/trust-root.ts";
import { UsageError, type Arguments } from "../arguments.ts";
import { trustAccess, type TrustAccess } from "../trust-access.ts";
import { inspectTrust } from "../inspect-trust.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "../command-context.ts";
import { formatRows } from "../format/format-status.ts";
import { trustRows } from "../format/format-trust.ts";

/** How a person has said that a root is the right one. */
type Consent = Pick<Arguments, "fingerprint" | "yes">;

/** `boardkeeper-agent trust add FILE|-` and `trust show`. */
export async function trust(args: Arguments, terminal: Terminal): Promise<number> {
  const [action, file, ...more] = args.operands;
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const board = trustAccess(args.simulate ? stateDir : undefined);
  if (action === "show" && file === undefined) return await showTrust(args, terminal, board);
  if (action !== "add" || file === undefined || more.length > 0)
    throw new UsageError('Say "trust add FILE" ("-" for standard input), or "trust show".', "trust");
  await (
    await planTrust(file, args, terminal, board)
  )();
  // A running agent reads it again, and its twin says it. One that hangs does so within the hour.
  await sendMetadata(stateDir, new Map()).catch(() => undefined);
  return 0;
}

/**
 * Verifies a root, shows its fingerprint and has a person agree to it. Nothing is written yet.
 * @returns what writes it
 * @throws CommandFailed where it cannot be trusted, or nobody has agreed
 */
export async function planTrust(
  file: string,
  consent: Consent,
  terminal: Terminal,
  board: TrustAccess,
): Promise<() => Promise<void>> {
  const bytes = await readRoot(file, terminal);
  const root = verifyOrFail(file, bytes);
  const { present, choice } = await chooseFor(bytes, board);
  terminal.note(describeRoot(root, present, choice));
  await requireConsent(root, consent, terminal);
  return async () => {
    const trusted = await writeOrFail(board, async () => await storeRoot(bytes, board));
    terminal.note(
      trusted.version > root.version && trusted.relation === "stays"
        ? `Version ${trusted.version} of this publisher's root stays: an older one would bring back keys that the publisher has taken away.\n`
        : "This board now trusts this root: it installs only images that are signed under it.\n",
    );
    await warnOfTheRest(trusted, terminal, board);
  };
}

async function readRoot(file: string, terminal: Terminal): Promise<Uint8Array> {
  try {
    return Buffer.from(file === "-" ? await terminal.readInput() : await readRegularFile(file, maxMetadataBytes));
  } catch (cause) {
    if (cause instanceof CommandFailed) throw cause;
    throw new CommandFailed(`Nothing was changed. The trust root cannot be read: ${errorMessage(cause)}.`, { cause });
  }
}

function verifyOrFail(file: string, bytes: Uint8Array): TrustRoot {
  try {
    return verifyRoot(file === "-" ? "from standard input" : file, bytes);
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    throw new CommandFailed(`Nothing was changed. ${cause.message} (${cause.code})`, { cause });
  }
}

/** What a root would change; `present` is undefined where the board trusts none. A damaged store is what this command mends. */
async function chooseFor(
  bytes: Uint8Array,
  { store, paths, owners }: TrustAccess,
): Promise<{ present: TrustRoot | undefined; choice: RootChoice }> {
  const first: RootChoice = { relation: "replaces", metadata: { root: bytes, roles: new Map() }, issued: null };
  try {
    const loaded = await store.load();
    if (loaded === undefined) return { present: undefined, choice: first };
    const seed = await readRootOwned(paths.seed, maxMetadataBytes, owners).catch(() => undefined); // It is written anew.
    return { present: verifyRoot("root.json", loaded.metadata.root), choice: chooseRoot({ ...loaded, seed }, bytes) };
  } catch (cause) {
    if (cause instanceof AgentError) return { present: undefined, choice: first };
    throw cause;
  }
}

function describeRoot(root: TrustRoot, present: TrustRoot | undefined, { relation }: RootChoice): string {
  const former = present && `version ${present.version} with the fingerprint ${present.fingerprint}`;
  const isOlder = present !== undefined && relation === "stays" && present.version > root.version;
  const isOther = present?.fingerprint !== root.fingerprint;
  return formatRows([
    ["Trust root", `version ${root.version}, expires ${root.expires.slice(0, 10)}`],
    ["Fingerprint", root.fingerprint],
    [
      "Follows",
      former !== undefined && relation === "follows" && isOther ? `${former}, whose keys have signed it` : null,
    ],
    [
      "Replaces",
      former !== undefined && relation === "replaces"
        ? `${former}: what only its publisher has signed is refused from then on`
        : null,
    ],
    ["Already has", former !== undefined && isOlder ? `${former}: it is newer, and stays` : null],
  ]);
}

async function requireConsent(
  { fingerprint }: TrustRoot,
  { fingerprint: wanted, yes }: Consent,
  terminal: Terminal,
): Promise<void> {
  if (wanted !== undefined) {
    if (wanted.replaceAll(/[\s:]/g, "").toLowerCase() === fingerprint) return;
    throw new CommandFailed(
      `Nothing was changed. The root has another fingerprint than ${wanted}. Get the root from its publisher again, by another way.`,
    );
  }
  if (yes) return;
  const answer = await terminal.ask(
    "Does its publisher show the same fingerprint (boardkeeper repo verify)? Type yes to trust it: ",
  );
  if (answer?.trim().toLowerCase() === "yes") return;
  throw new CommandFailed(
    answer === undefined
      ? "Nothing was changed. Nobody can be asked here: compare the fingerprint with the publisher's, and add --fingerprint HEX."
      : "Nothing was changed: you did not say yes.",
  );
}

/**
 * The store first: it is what counts. The seed is for the day on which the store is lost, and is never older than this.
 * @returns the root that the board trusts from now on, and how it came to that
 */
async function storeRoot(bytes: Uint8Array, board: TrustAccess): Promise<TrustRoot & Pick<RootChoice, "relation">> {
  const { paths, store, owners } = board;
  const { metadata, relation } = await board.exclusively(async () => {
    await makeReadableFolder(paths.store); // Usually the package has made it.
    const { choice } = await chooseFor(bytes, board);
    await store.replaceRoot(choice.metadata, choice.issued);
    await makeReadableFolder(dirname(paths.seed));
    await replaceFile(paths.seed, choice.metadata.root, unlinkedDisk, 0o644);
    return choice;
  });
  await readRootOwned(paths.seed, maxMetadataBytes, owners);
  return { ...verifyRoot("root.json", metadata.root), relation };
}

async function warnOfTheRest({ expires }: TrustRoot, terminal: Terminal, board: TrustAccess): Promise<void> {
  if ((await board.clock.synchronized()) && Date.parse(expires) < board.clock.now().getTime())
    terminal.note(
      `Warning: this root expired on ${expires.slice(0, 10)}. Updates are refused until its publisher's newer root is in the repository.\n`,
    );
  const { names } = await board.readNames(await board.readConfig());
  if (names.length === 0)
    terminal.note(
      `Warning: nothing names this board, so no signed image is for it. Name it in ${board.paths.boardConfig}, as root: board.compatible = acme,gateway\n`,
    );
  else terminal.note(`Images for these boards are for it: ${names.join(", ")}\n`);
}

async function writeOrFail<Result>({ paths }: TrustAccess, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof HelperBusy) throw new CommandFailed(`Nothing was changed. ${cause.message}`, { cause });
    if (cause instanceof NotRootOwned)
      throw new CommandFailed(
        `The root is stored, but the store could not be made anew from it: ${cause.message}, then run this again.`,
        { cause },
      );
    const code = errorCode(cause);
    const sudo =
      code === "EACCES" || code === "EPERM" || cause instanceof FolderUnusable ? " Run this as root, with sudo." : "";
    throw new CommandFailed(
      `The trust root could not be stored in ${paths.store} and ${paths.seed}: ${errorMessage(cause)}.${sudo}`,
      { cause },
    );
  }
}

async function showTrust({ json }: Arguments, terminal: Terminal, board: TrustAccess): Promise<number> {
  const found = await inspectTrust(board);
  terminal.out(json ? `${JSON.stringify(found, null, 2)}\n` : formatRows(trustRows(found)));
  return 0;
}
