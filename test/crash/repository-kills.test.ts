import { cpSync, existsSync } from "node:fs";
import fs, { cp, readdir, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { StoredMetadata } from "../../agent/trust/ports.ts";
import { isDeep } from "../support/depth.ts";
import { person, TestPublisher } from "../support/signed-repository.ts";

/*
 * A publisher's command is killed before each change that it makes in the folder: each time readers see the old state or the new
 * one, and the next command goes on. The states are recorded in one run of the command.
 */

const board = "acme,gateway";
const changing = ["open", "rename", "mkdir", "rm", "rmdir", "link", "copyFile"] as const;

/** Records the folder before each change that is made by `act`, and after the last one. @returns the folders of the states */
async function statesOf(publisher: TestPublisher, act: () => Promise<unknown>): Promise<string[]> {
  const states: string[] = [];
  const record = (): void => {
    const state = join(publisher.home, "states", String(states.length));
    cpSync(publisher.folder, state, { recursive: true });
    states.push(state);
  };
  const original = { ...fs };
  let isRecording = true;
  const restore = (): void => {
    isRecording = false; // Node may have taken a function of these for itself.
    Object.assign(fs, original);
    syncBuiltinESMExports();
  };
  onTestFinished(restore);
  for (const name of changing) {
    const call = original[name] as (...args: unknown[]) => Promise<unknown>;
    Object.assign(fs, {
      [name]: (...args: unknown[]) => {
        if (isRecording && args.some((arg) => typeof arg === "string" && arg.startsWith(publisher.folder))) record();
        return call(...args);
      },
    });
  }
  syncBuiltinESMExports();
  await act();
  restore();
  record();
  return states;
}

/** Puts the folder back as it was when the command was killed. The next one takes over the lock of a process that is gone. */
async function restoreState(publisher: TestPublisher, state: string): Promise<void> {
  await rm(publisher.folder, { recursive: true });
  await cp(state, publisher.folder, { recursive: true });
  await rm(join(publisher.folder, ".lock"), { force: true });
}

/** What a board sees, which knew the state before: versions, or the code of what is wrong. */
async function seenBy(publisher: TestPublisher, stored: StoredMetadata): Promise<string> {
  const read = await publisher.board(board, stored);
  return read.ok ? read.trusted.targets.map(({ version }) => version).join(" ") : read.error.code;
}

/** Kills the command in each state; returns what boards have seen, each thing once, in order. */
async function killed(publisher: TestPublisher, command: () => Promise<unknown>): Promise<string[]> {
  const { stored } = await publisher.board(board);
  const states = await statesOf(publisher, command);
  expect(states.length).toBeGreaterThan(8);
  const seen: string[] = [];
  // Once it is decided what will change, each state is another one.
  const chosen = states.filter((state, index) => isDeep || index % 4 === 0 || existsSync(join(state, ".pending")));
  for (const [index, state] of chosen.entries()) {
    await restoreState(publisher, state);
    const now = await seenBy(publisher, stored);
    if (seen.at(-1) !== now) seen.push(now);
    // A killed command may be repeated; its keys are kept in any case.
    const next = await publisher.publish(`9.${index}`, board);
    expect(await publisher.board(board, stored)).toMatchObject({ ok: true });
    expect(next).toMatchObject({ version: `9.${index}` });
    // The file that becomes the lock may stay; it is not this command's to remove.
    const left = (await readdir(publisher.folder)).filter((name) => !name.startsWith(".lock."));
    expect(left.sort()).toStrictEqual(["metadata", "targets"]);
  }
  return seen;
}

describe("a publisher's command that is killed at any moment", () => {
  it("publish", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    expect(await killed(publisher, () => publisher.publish("1.1.0", board))).toStrictEqual(["1.0.0", "1.0.0 1.1.0"]);
  });

  it("retire", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    await publisher.publish("1.1.0", board);
    const retire = () => publisher.repo("retire", "1.0.0", "--repo", publisher.folder);
    expect(await killed(publisher, retire)).toStrictEqual(["1.0.0 1.1.0", "1.1.0"]);
  });

  it("rotate, with the old working key: no reader sees a root that does not fit", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const rotate = () => publisher.repo("rotate", publisher.folder, "--working-key");
    expect(await killed(publisher, rotate)).toStrictEqual(["1.0.0"]);
  });

  it("revoke: a reader may see the new root before its timestamp, until the next command", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const revoke = () => publisher.typing(person(publisher), "revoke", "working", publisher.folder);
    expect(await killed(publisher, revoke)).toStrictEqual(["1.0.0", "metadata-signature", "1.0.0"]);
  });
});

describe("two publishers at once", () => {
  it("of one machine: the second one says who is at it, and both may follow each other", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const files = await Promise.all(["2", "3", "4"].map((name) => publisher.file(`${name}.img`, name)));
    const ran = await Promise.all(
      files.map((file, index) =>
        publisher.repo("publish", file, "--repo", publisher.folder, "--version", `${index + 2}`),
      ),
    );
    const refused = ran.filter(({ exitCode }) => exitCode !== 0);
    for (const { err } of refused) expect(err).toContain("is changing the repository");
    expect(refused.length).toBeLessThan(3);
    for (const [index, file] of files.entries()) {
      const again = await publisher.repo("publish", file, "--repo", publisher.folder, "--version", `${index + 2}`);
      expect(again).toMatchObject({ exitCode: 0 });
    }
    const read = await publisher.board(board);
    expect(read.ok && read.trusted.targets.map(({ version }) => version).sort()).toStrictEqual([
      "1.0.0",
      "2",
      "3",
      "4",
    ]);
  });

  it("over a shared folder, where no lock reaches: the slower one changes nothing", async () => {
    const publisher = await TestPublisher.start();
    await publisher.publish("1.0.0", board);
    const copy = join(publisher.home, "copy");
    await cp(publisher.folder, copy, { recursive: true });
    // While the second is asked for its passphrase, the other one has published.
    const answer = (): string => {
      cpSync(copy, publisher.folder, { recursive: true });
      return "correct horse battery";
    };
    await publisher.repo("publish", await publisher.file("b.img", "b"), "--repo", copy, "--version", "2");
    const slower = ["publish", await publisher.file("c.img", "c"), "--repo", publisher.folder, "--version", "3"];
    expect(await publisher.typing(answer, ...slower)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("Somebody else has published in"),
    });
    const read = await publisher.board(board);
    expect(read.ok && read.trusted.targets.map(({ version }) => version)).toStrictEqual(["1.0.0", "2"]);
  });
});

it("a pending change that leads out of the folder is refused", async () => {
  const publisher = await TestPublisher.start();
  await fs.mkdir(join(publisher.folder, ".pending"));
  await writeFile(join(publisher.folder, ".pending", "order"), '["../../stolen.json"]');
  const { exitCode, err } = await publisher.repo("refresh", publisher.folder);
  expect([exitCode, err]).toStrictEqual([
    1,
    expect.stringContaining(".pending/order is damaged: remove the folder .pending"),
  ]);
});
