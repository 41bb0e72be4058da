import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folderSource } from "../../agent/board/trust/metadata-sources.ts";
import type { StoredMetadata, TrustRecord } from "../../agent/trust/ports.ts";
import { refreshMetadata, type Refreshed } from "../../agent/trust/refresh.ts";
import { runCommandLine } from "../../service-tools/run.ts";
import { saveKey, keyPath } from "../../service-tools/commands/repo/key-ring.ts";
import { newRoot } from "../../service-tools/repo/create.ts";
import { newEncryptedKey } from "../../service-tools/repo/key-file.ts";
import { newSeed, seedSigner } from "../../service-tools/repo/keys.ts";
import { formatRecoveryKey } from "../../service-tools/repo/recovery-key.ts";
import { FakeContext, type FakeScreen } from "./fake-context.ts";
import { FakeTime } from "./fake-time.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { newRecord } from "./tuf-repository.ts";

/** scrypt as cheap as it can be: tests of its cost make their own. */
const cheap = { N: 2, r: 1, p: 1 };
export const passphrase = "correct horse battery";

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `boardkeeper repo …`. @param answer what a person types; without it, there is no terminal */
export async function runRepo(
  args: readonly string[],
  around: {
    readonly env: Readonly<Record<string, string>>;
    readonly time?: FakeTime;
    readonly answer?: (question: string, screen: FakeScreen) => string;
  },
): Promise<Ran> {
  const { env, answer, time = new FakeTime(new Date().toISOString()) } = around;
  const context = new FakeContext(time);
  context.env = env;
  if (answer !== undefined) {
    context.prompt.isInteractive = true;
    context.prompt.answer = (question) => answer(question, context.err);
  }
  const exitCode = await runCommandLine(["repo", ...args], context);
  return { exitCode, out: context.out.text, err: context.err.text };
}

/** A publisher: a home with keys, a repository in it, and a clock that the test sets. */
export class TestPublisher {
  readonly home: string;
  readonly folder: string;
  /** As printed, in two lines. */
  readonly recoveryKey: string;
  /** Today: the reference client looks at the real clock. */
  readonly time = new FakeTime(new Date().toISOString());
  /** Of the working key. */
  readonly keyId: string;

  private constructor(home: string, recoveryKey: string, keyId: string) {
    this.home = home;
    this.folder = join(home, "repository");
    this.recoveryKey = recoveryKey;
    this.keyId = keyId;
  }

  /** With a repository in which nothing is published. */
  static async start(now = new Date()): Promise<TestPublisher> {
    const home = await temporaryFolder();
    const folder = join(home, "repository");
    const seed = newSeed();
    const working = newEncryptedKey(passphrase, cheap);
    const root = await newRoot(working.signer, seedSigner(seed), now);
    await saveKey(keyPath({ BOARDKEEPER_HOME: home }, working.signer.key.keyID), await working.file(root.id));
    await mkdir(folder);
    await root.create(folder);
    await writeFile(join(home, "passphrase"), `${passphrase}\n`);
    return new TestPublisher(home, formatRecoveryKey(seed), working.signer.key.keyID);
  }

  /** Runs `boardkeeper repo …` with the passphrase at hand. */
  async repo(...args: string[]): Promise<Ran> {
    const env = { BOARDKEEPER_HOME: this.home, BOARDKEEPER_PASSPHRASE_FILE: join(this.home, "passphrase") };
    return await runRepo(args, { env, time: this.time });
  }

  /** The same at a terminal, where a person answers; without the passphrase at hand. */
  async typing(answer: (question: string, screen: FakeScreen) => string, ...args: string[]): Promise<Ran> {
    return await runRepo(args, { env: { BOARDKEEPER_HOME: this.home }, time: this.time, answer });
  }

  /** What a board that trusts the first root, or has read the repository before, makes of it now. */
  async board(name: string, stored?: StoredMetadata, record: TrustRecord = newRecord): Promise<Refreshed> {
    const root = await readFile(join(this.folder, "metadata", "1.root.json"));
    return await refreshMetadata({
      stored: stored ?? { root, roles: new Map() },
      record,
      source: folderSource(this.folder),
      clock: { nowMs: this.time.now().getTime(), isSynchronized: true },
      boards: [name],
      refuseStale: true,
    });
  }

  /** Publishes an image for a board; it must succeed. @returns what the command printed as JSON */
  async publish(version: string, board: string, ...options: string[]): Promise<Record<string, unknown>> {
    const image = await this.file(`image-${version}.img`, `image ${version}`);
    const args = [
      "publish",
      image,
      "--repo",
      this.folder,
      "--version",
      version,
      "--board",
      board,
      "-o",
      "json",
      ...options,
    ];
    const { exitCode, out, err } = await this.repo(...args);
    if (exitCode !== 0) throw new Error(err);
    return JSON.parse(out) as Record<string, unknown>;
  }

  /** Writes a file beside the repository. @returns its path */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.home, name);
    await writeFile(path, content);
    return path;
  }
}

/** Types what is asked for: the passphrase, and the recovery key as it stands on the screen. */
export function person(typed: { passphrase?: string; recoveryKey?: string } = {}) {
  return (question: string, screen: FakeScreen): string => {
    if (!question.includes("line")) return typed.passphrase ?? passphrase;
    const shown = typed.recoveryKey ?? [...screen.text.matchAll(/^ {4}(\S+)$/gm)].map(([, line]) => line).join("\n");
    const [first = "", second = ""] = shown.split("\n").slice(-2);
    return question.startsWith("First") ? first : second;
  };
}
