import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Arguments } from "../../../../../agent/cli/arguments.ts";
import type { TrustAccess } from "../../../../../agent/cli/trust-access.ts";
import { parseArguments } from "../../../../../agent/cli/arguments.ts";
import { planTrust, trust } from "../../../../../agent/cli/commands/trust.ts";
import { verifyRoot } from "../../../../../agent/trust/trust-root.ts";
import { newBoardTrust } from "../../../../support/board-trust.ts";
import { FakeTerminal } from "../../../../support/fake-terminal.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { daysLater, testKey, TufRepository, usualKeys, working } from "../../../../support/tuf-repository.ts";

const repository = new TufRepository();
repository.writeRoot({}); // The second version: the same publisher.
repository.writeRoot({ root: { keys: [working, testKey("next recovery")], threshold: 1 } });
const stranger = new TufRepository({
  keys: { ...usualKeys, root: { keys: [testKey("stranger")], threshold: 1 } },
});
const [first, second, third, other] = [
  repository.file("1.root.json"),
  repository.file("2.root.json"),
  repository.file("3.root.json"),
  stranger.file("1.root.json"),
];
const { fingerprint } = verifyRoot("root.json", first);
const asked: Pick<Arguments, "fingerprint" | "yes"> = { fingerprint: undefined, yes: false };

async function fileOf(root: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), "root.json");
  await writeFile(path, root);
  return path;
}

/** Adds a root; returns what the terminal showed. */
async function add(
  board: TrustAccess,
  root: Uint8Array,
  { answer = "yes", ...consent }: Partial<typeof asked> & { answer?: string | undefined } = {},
): Promise<FakeTerminal> {
  const terminal = new FakeTerminal();
  terminal.answer = answer;
  const write = await planTrust(await fileOf(root), { ...asked, ...consent }, terminal, board);
  await write();
  return terminal;
}

describe("trust add", () => {
  it("shows the fingerprint, asks, and stores the root where the board finds it, and its seed", async () => {
    const board = await newBoardTrust();
    const terminal = await add(board, first);
    expect(terminal.notes).toBe(
      `Trust root   version 1, expires 2037-03-01\nFingerprint  ${fingerprint}\n` +
        "This board now trusts this root: it installs only images that are signed under it.\n" +
        "Images for these boards are for it: simulated-board\n",
    );
    expect(terminal.asked).toContain("Type yes to trust it: ");
    expect(await board.store.load()).toMatchObject({ metadata: { root: first }, problems: [], remade: null });
    expect(await readFile(board.paths.seed)).toStrictEqual(first);
    expect((await stat(board.paths.seed)).mode & 0o777).toBe(0o644);
  });

  it.each([
    ["no", "Nothing was changed: you did not say yes."],
    ["", "Nothing was changed: you did not say yes."],
    ["y", "Nothing was changed: you did not say yes."],
  ])("changes nothing at the answer '%s'", async (answer, message) => {
    const board = await newBoardTrust();
    await expect(add(board, first, { answer })).rejects.toThrow(message);
    expect(await board.store.load()).toBeUndefined();
  });

  it("never trusts silently: where nobody can be asked, the fingerprint must be given", async () => {
    const board = await newBoardTrust();
    const terminal = new FakeTerminal();
    terminal.input = Buffer.from(first).toString();
    await expect(planTrust("-", asked, terminal, board)).rejects.toThrow("Nobody can be asked here");
    expect(terminal.notes).toContain(fingerprint);
    const spaced = fingerprint.toUpperCase().replaceAll(/(.{8})/g, "$1 ");
    await (
      await planTrust("-", { ...asked, fingerprint: spaced }, terminal, board)
    )();
    expect(await board.store.load()).toMatchObject({ metadata: { root: first } });
  });

  it("asks nothing where the consent is given with the command", async () => {
    const board = await newBoardTrust();
    expect((await add(board, first, { yes: true, answer: "no" })).asked).toBe("");
  });

  it("refuses another fingerprint, whatever else is said", async () => {
    const board = await newBoardTrust();
    await expect(add(board, other, { fingerprint, yes: true })).rejects.toThrow(
      `The root has another fingerprint than ${fingerprint}.`,
    );
    expect(await board.store.load()).toBeUndefined();
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ["not there", async () => "/nonexistent/root.json", /The trust root cannot be read: ENOENT/],
    ["a device", async () => "/dev/zero", /\/dev\/zero is a device, not a file/],
    ["too large", async () => await fileOf(Buffer.alloc(70_000)), /more than 65536 bytes/],
    ["no root", async () => await fileOf(Buffer.from("{}")), /\(metadata-invalid\)/],
    ["another role", async () => await fileOf(repository.file("timestamp.json")), /\(metadata-invalid\)/],
    [
      "damaged",
      async () => await fileOf(Buffer.from(Buffer.from(first).toString().replace("2037", "2038"))),
      /\(metadata-signature\)/,
    ],
  ])("changes nothing where the file is %s", async (_what, file, message) => {
    const board = await newBoardTrust();
    const plan = planTrust(await file(), { ...asked, yes: true }, new FakeTerminal(), board);
    await expect(plan).rejects.toThrow(message);
    await expect(plan).rejects.toThrow(/^Nothing was changed\. /);
    expect(await board.store.load()).toBeUndefined();
  });

  it("replaces another publisher's root only after it has shown both, and keeps the floor", async () => {
    const board = await newBoardTrust();
    await add(board, other);
    await board.store.raiseFloor(4);
    const terminal = await add(board, first);
    expect(terminal.notes).toContain(
      `Replaces     version 1 with the fingerprint ${verifyRoot("", other).fingerprint}: what only its publisher has signed is refused from then on`,
    );
    expect(await board.store.load()).toMatchObject({ metadata: { root: first }, record: { floor: 4 } });
  });

  it("forgets what another publisher has signed", async () => {
    const board = await newBoardTrust();
    await board.store.save(stranger.stored(), { floor: 4, issued: "2027-03-01T12:00:00Z" });
    await add(board, first);
    expect(await board.store.load()).toStrictEqual({
      metadata: { root: first, timestamp: undefined, snapshot: undefined, targets: undefined, roles: new Map() },
      record: { floor: 4, issued: null },
      problems: [],
      remade: null,
    });
  });

  it("keeps the newer root of the same publisher: an older one would bring back keys that were revoked", async () => {
    const board = await newBoardTrust();
    await add(board, third);
    const terminal = await add(board, first);
    expect(terminal.notes).toContain(
      `Already has  version 3 with the fingerprint ${verifyRoot("", third).fingerprint}: it is newer, and stays\n`,
    );
    expect(terminal.notes).toContain("Version 3 of this publisher's root stays");
    expect(terminal.notes).not.toContain("Replaces");
    expect(terminal.notes).not.toContain("This board now trusts this root");
    expect(await board.store.load()).toMatchObject({ metadata: { root: third } });
    // A lost store must not begin with the older one either.
    expect(await readFile(board.paths.seed)).toStrictEqual(third);
  });

  it("follows to the newer root of the same publisher, and keeps what its keys still sign", async () => {
    const board = await newBoardTrust();
    const stored = { ...repository.stored(), root: first };
    await board.store.save(stored, { floor: 4, issued: "2027-03-01T12:00:00Z" });
    const terminal = await add(board, third);
    expect(terminal.notes).toContain(
      `Follows      version 1 with the fingerprint ${fingerprint}, whose keys have signed it\n`,
    );
    const { timestamp, snapshot } = stored;
    expect(await board.store.load()).toMatchObject({
      metadata: { root: third, timestamp, snapshot },
      record: { floor: 4, issued: "2027-03-01T12:00:00Z" },
    });
    expect(await readFile(board.paths.seed)).toStrictEqual(third);
  });

  it("mends a store that was damaged, and what was lost is said no more", async () => {
    const board = await newBoardTrust();
    await add(board, second);
    await board.store.raiseFloor(4);
    await writeFile(join(board.paths.store, "root.json"), "damaged");
    await add(board, second);
    expect(await board.store.load()).toMatchObject({
      metadata: { root: second },
      record: { floor: 4 },
      problems: [],
      remade: null,
    });
    for (const name of ["root.json", "seed.json"]) await writeFile(join(board.paths.store, name), "damaged");
    await add(board, second);
    expect(await board.store.load()).toMatchObject({ metadata: { root: second }, record: { floor: 4 }, problems: [] });
  });

  it("says that an expired root is one, and that nothing names the board", async () => {
    const board = { ...(await newBoardTrust({ now: daysLater(4_000) })) };
    const terminal = await add({ ...board, readNames: () => Promise.resolve({ names: [], source: null }) }, first);
    expect(terminal.notes).toContain("Warning: this root expired on 2037-03-01.");
    expect(terminal.notes).toContain("Warning: nothing names this board, so no signed image is for it.");
  });

  it("says what to do where the seed would not be obeyed", async () => {
    const board = await newBoardTrust();
    await mkdir(board.paths.store, { recursive: true });
    await chmod(board.paths.store, 0o777);
    await expect(add(board, first)).rejects.toThrow(
      `The root is stored, but the store could not be made anew from it: others than root may write to ${board.paths.store}`,
    );
  });

  it("says so where root's helper is at work, and where this user may not write", async () => {
    const board = await newBoardTrust();
    const failing = (cause: Error): TrustAccess => ({ ...board, exclusively: () => Promise.reject(cause) });
    const denied = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    await expect(add(failing(denied), first)).rejects.toThrow("Run this as root, with sudo.");
  });
});

describe("the command trust", () => {
  async function type(line: readonly string[], terminal = new FakeTerminal()): Promise<[Arguments, FakeTerminal]> {
    return [parseArguments(["trust", ...line, "--simulate", "--state-dir", await temporaryFolder()]), terminal];
  }

  it.each([[[]], [["add"]], [["show", "x"]], [["drop"]]])("explains itself: %j", async (line) => {
    const [args, terminal] = await type(line);
    await expect(trust(args, terminal)).rejects.toThrow('Say "trust add FILE"');
  });

  it("adds and shows", async () => {
    const [args, terminal] = await type(["add", await fileOf(first), "--fingerprint", fingerprint]);
    expect(await trust(args, terminal)).toBe(0);
    expect(await trust({ ...args, operands: ["show"] }, terminal)).toBe(0);
    expect(terminal.result).toContain(`Trust root   version 1, expires 2037-03-01\nFingerprint  ${fingerprint}\n`);
    terminal.result = "";
    await trust({ ...args, operands: ["show"], json: true }, terminal);
    expect(JSON.parse(terminal.result)).toMatchObject({ root: { version: 1, fingerprint }, floor: 0 });
  });
});
