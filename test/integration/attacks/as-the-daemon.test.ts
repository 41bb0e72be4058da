import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { mostWrites } from "../../../agent/install-helper/write-ledger.ts";
import { archiveTricks, imageAttacks } from "../../fixtures/attacks/images.ts";
import { victim } from "../../fixtures/attacks/metadata.ts";
import { attackedHelper, signRelease, type AttackedHelper, type SignedRelease } from "../../support/attacked-helper.ts";
import { hello, line, metadata, speak, type NamedImage, type Speaker } from "../../support/helper-words.ts";
import { answerTo, startInstallHelper } from "../../support/install-helper.ts";
import { tarOf } from "../../support/tar.ts";
import { sha256 } from "../../support/tuf-repository.ts";

/* Somebody who has taken the agent over, and speaks with root's helper: real store, copies, ledger, release folder and installer. */

const release = tarOf({ name: "bin/app", content: "app", mode: 0o755 });

/** Signed for the board, which has read it. */
async function signed(more: object = {}, content = release): Promise<AttackedHelper & SignedRelease & Speaker> {
  const attacked = await attackedHelper();
  const image = signRelease(attacked.publisher, "2.0.0", content, more);
  const speaker = await attacked.session();
  expect(await speaker.ask(metadata(attacked.publisher.files))).toMatchObject({ trust: { rootVersion: 1 } });
  return { ...attacked, ...image, ...speaker };
}

type Attacked = Awaited<ReturnType<typeof signed>>;
type Attempt = (attacked: Attacked) => Promise<unknown>;

/** Asks for each step that writes or starts something. @returns the last answer; all others must be the same */
const everyStep =
  (change: (named: NamedImage) => Partial<NamedImage> = () => ({})): Attempt =>
  async ({ ask, named }) => {
    const image = { ...named, ...change(named) };
    const answers = [await ask(line("prepare", image)), await ask(line("install", image))];
    expect(answers[0]).toStrictEqual(answers[1]);
    return answers[1];
  };

const install =
  (sent: (bytes: Buffer) => Buffer): Attempt =>
  async ({ ask, named, bytes }) => {
    expect(await ask(line("install", named))).toStrictEqual({ id: 1, resumeAt: 0 });
    return await ask(sent(bytes));
  };

const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(20) ^ 1, 20);
  return copy;
};

type Name = Extract<(typeof imageAttacks)[number], { daemon: unknown }>["attack"];

/** How each attack is tried: what the publisher has signed, and what the daemon's user does. */
const attempts: Readonly<Record<Name, { readonly more?: object; readonly attempt: Attempt }>> = {
  "an unsigned image": { attempt: everyStep(() => ({ sha256: "a".repeat(64) })) },
  "another board's image": {
    attempt: everyStep(() => ({ sha256: sha256(Buffer.from("image 3.0.0")), sizeBytes: 11, version: "3.0.0" })),
  },
  "a signed image under another version": { attempt: everyStep(() => ({ version: "9.0.0" })) },
  "a signed image with another size": { attempt: everyStep(({ sizeBytes }) => ({ sizeBytes: sizeBytes + 1 })) },
  "the image, cut off": { attempt: everyStep(({ sizeBytes }) => ({ sizeBytes: sizeBytes - 1 })) },
  "an image that names other boards": { more: { boards: ["other"] }, attempt: everyStep() },
  "an image below the floor": {
    more: { epoch: 2 },
    attempt: async (attacked) => {
      await attacked.store.raiseFloor(3);
      return await everyStep()(attacked);
    },
  },
  "an image for a newer agent": { more: { minAgent: "99.0.0" }, attempt: everyStep() },
  "an image that needs another one first": { more: { epoch: 9, minPrevious: 8 }, attempt: everyStep() },
  "an image for another installer": { more: { installer: "command" }, attempt: everyStep() },
  "a flipped bit in the image": { attempt: install(flipped) },
  "an image swapped under the same URL, or after it was staged": {
    attempt: install((bytes) => Buffer.alloc(bytes.length)),
  },
  "a signed image, started before it was written": {
    attempt: async ({ ask, named }) => await ask(line("arm", named)),
  },
  "one image, written again and again": {
    attempt: async (attacked) => {
      for (let time = 1; time <= mostWrites; time += 1) await install(flipped)(attacked);
      return await attacked.ask(line("install", attacked.named));
    },
  },
  "an agent that says it installs by itself, where root installs": {
    attempt: async ({ helper, socket }) => {
      socket.destroy(); // Another session begins when this one has ended.
      return await speak(helper).ask(hello("none"));
    },
  },
  "a line of 40 KB, no JSON, an unknown verb": {
    attempt: async ({ helper, ask }) => {
      const words = [`${hello("release")}${"x".repeat(40_000)}\n`, `${hello("release")}rm -rf /\n`];
      const refusal = { error: { code: "installer-failed" } };
      const last = await ask(line("rm"));
      for (const one of words) {
        const [, answer = ""] = (await answerTo(helper, one)).split("\n");
        expect(JSON.parse(answer)).toMatchObject(refusal);
      }
      return last;
    },
  },
};

describe("as the daemon's user, nothing is written or started by", () => {
  const tried = imageAttacks.flatMap((one) => ("daemon" in one ? [one] : []));
  it.each(tried)("$attack: $daemon", async ({ attack, daemon: code }) => {
    const { more, attempt } = attempts[attack];
    const attacked = await signed(more);
    const { store, written, releases } = attacked;
    const before = await written();
    const isFloorSet = attack === "an image below the floor";
    expect(await attempt(attacked)).toMatchObject({ error: { code } });
    const isOwn = ([name]: readonly [string, string]): boolean =>
      !name.startsWith("copies/written") && !(isFloorSet && name.startsWith("store/record"));
    const of = (tree: Readonly<Record<string, string>>): object =>
      Object.fromEntries(Object.entries(tree).filter(isOwn));
    expect(of(await written())).toStrictEqual(of(before));
    expect((await store.load())?.record.floor).toBe(isFloorSet ? 3 : 0);
    expect(releases.orders).toStrictEqual([]);
  });

  it.each(archiveTricks)("an archive with $attack: $code", async ({ content, signedSize, code }) => {
    const bytes = content();
    const attacked = await signed(signedSize === undefined ? {} : { contentSize: signedSize }, bytes);
    const { releases, ask, named } = attacked;
    expect(await install((image) => image)(attacked)).toMatchObject({ error: { code } });
    expect(await releases.names()).toStrictEqual([]);
    expect(await ask(line("arm", named))).toMatchObject({ error: { code: "not-signed" } });
    expect([await releases.current(), releases.orders]).toStrictEqual(["none", []]);
  });

  it("many sessions, and bytes that nobody has asked for: the next session is served", async () => {
    const { helper, session, socket: own, written, bytes, named } = await signed();
    const before = await written();
    const sockets = Array.from({ length: 20 }, () => connect(helper.socket).on("error", () => undefined));
    for (const [at, socket] of sockets.entries()) {
      if (at % 2 === 0) for (let piece = 0; piece < 20; piece += 1) socket.write(Buffer.alloc(64 * 1_024, "x"));
      else socket.end(hello("release"));
    }
    for (const socket of sockets) socket.end();
    own.destroy(); // All of these have waited for its end.
    const speaker = await session();
    for (const socket of sockets) socket.destroy();
    expect(await written()).toStrictEqual(before);
    await speaker.ask(line("install", named));
    expect(await speaker.ask(bytes)).toStrictEqual({ id: 1, done: {} });
  });
});

describe("as the daemon's user, the former protocol", () => {
  it("opens no way around the signature", async () => {
    const { publisher, store, written, trust } = await attackedHelper();
    const image = signRelease(publisher, "2.0.0", release, { installer: "command" });
    const helper = await startInstallHelper({ trust, script: "touch ran" });
    const before = await written();
    for (const verb of ["prepare", "install", "arm"]) {
      const fields = { verb, limit: 30, sha256: image.named.sha256, size: image.bytes.length, version: "2.0.0" };
      const words = Object.entries({ ...fields, operation: "op-1" }).map(([key, value]) => `${key}=${value}\n`);
      const connection = connect({ path: helper.socket, allowHalfOpen: true });
      connection.write(`${words.join("")}\n`);
      expect(await text(connection)).toMatch(/^refused installer-not-allowed /);
      connection.end();
    }
    expect([await readdir(helper.own), await written()]).toStrictEqual([[], before]);
    expect((await store.load())?.record.floor).toBe(0);
  });
});

it("the honest way, with the same helper, installs the release and raises the floor", async () => {
  const attacked = await signed({ epoch: 4 });
  const { ask, named, releases, store } = attacked;
  expect(await install((bytes) => bytes)(attacked)).toStrictEqual({ id: 1, done: {} });
  expect(await ask(line("arm", named))).toStrictEqual({ id: 1, done: {} });
  expect(await ask(line("commit", named))).toStrictEqual({ id: 1, done: {} });
  expect(await releases.current()).toBe("releases/2.0.0");
  expect((await store.load())?.record.floor).toBe(4);
  // Retired, and below the floor: neither the release before nor the same one again under an older epoch.
  const older = signRelease(attacked.publisher, "1.5.0", tarOf({ name: "old" }), { epoch: 3, boards: [victim] });
  await ask(metadata(attacked.publisher.files));
  expect(await ask(line("install", older.named))).toMatchObject({ error: { code: "epoch-too-low" } });
});

it("a wiped trust store is made anew from the seed: metadata of before may be replayed, and that is told until a commit", async () => {
  const attacked = await signed({ epoch: 4 });
  const { store, session, socket, publisher, named, bytes } = attacked;
  await store.raiseFloor(4);
  await rm(attacked.storeFolder, { recursive: true });
  publisher.version = 0;
  publisher.publish();
  socket.destroy();
  const { ask } = await session();
  expect(await ask(line("install", named))).toMatchObject({ error: { code: "metadata-missing" } });
  expect(await ask(metadata(publisher.files))).toMatchObject({ trust: { floor: 0 } });
  expect((await store.load())?.remade).toContain("The floor");
  expect(await ask(line("install", named))).toStrictEqual({ id: 1, resumeAt: 0 });
  expect(await ask(bytes)).toStrictEqual({ id: 1, done: {} });
  for (const verb of ["arm", "commit"]) expect(await ask(line(verb, named))).toStrictEqual({ id: 1, done: {} });
  expect(await store.load()).toMatchObject({ remade: null, record: { floor: 4 } });
});

describe("as the daemon's user, an image that was written while it was allowed is not started", () => {
  type Meanwhile = (attacked: Awaited<ReturnType<typeof signed>>) => Promise<unknown>;
  it.each<[string, string, Meanwhile]>([
    [
      "once it is retired",
      "not-signed",
      async ({ publisher, ask }) => {
        publisher.boards[victim] = {};
        publisher.publish();
        await ask(metadata(publisher.files));
      },
    ],
    ["below the floor of another commit", "epoch-too-low", async ({ store }) => await store.raiseFloor(9)],
    [
      "once the trust store is lost",
      "metadata-missing",
      async ({ storeFolder }) => await rm(storeFolder, { recursive: true }),
    ],
  ])("%s: %s", async (_when, code, meanwhile) => {
    const attacked = await signed({ epoch: 4 });
    const { ask, named, releases } = attacked;
    expect(await install((bytes) => bytes)(attacked)).toStrictEqual({ id: 1, done: {} });
    await meanwhile(attacked);
    expect(await ask(line("arm", named))).toMatchObject({ error: { code } });
    // What an honest agent asks for then: there is nothing to undo.
    expect(await ask(line("revert", named))).toStrictEqual({ id: 1, done: {} });
    expect([await releases.current(), releases.orders]).toStrictEqual(["none", []]);
  });
});
