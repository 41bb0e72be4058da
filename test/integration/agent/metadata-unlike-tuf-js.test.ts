import { constants, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TrustingBoard } from "../../support/trusting-board.ts";
import { TufJsBoard } from "../../support/tuf-js-board.ts";
import {
  daysLater,
  put,
  sha256,
  targetEntry,
  testEcdsaKey,
  testKey,
  TufRepository,
  wallClock,
  working,
  type Changes,
  type TestKey,
} from "../../support/tuf-repository.ts";
import { canonicalJson } from "../../../agent/trust/canonical-json.ts";

/* Where our verifier and tuf-js 5.0.1 come to different results on purpose, and why (docs/decisions/020). */

const name = "acme,gateway";
const [oldPath] = targetEntry(name, "1.0.0");
const [newPath, newEntry] = targetEntry(name, "2.0.0");

/** Two boards that have read the first publication, with the image 1.0.0. The second one has the image 2.0.0 in its place. */
class TwoBoards {
  readonly repository = new TufRepository();
  readonly ours = new TrustingBoard(this.repository.seed());
  readonly theirs: TufJsBoard;

  constructor(folder: string) {
    this.ours.clock = wallClock(daysLater(10));
    this.theirs = new TufJsBoard(folder, this.repository.file("1.root.json"), daysLater(10));
  }

  static async create(): Promise<TwoBoards> {
    const boards = new TwoBoards(await temporaryFolder());
    const { ours, theirs } = await boards.refresh();
    if (ours !== "1.0.0" || theirs !== ours)
      throw new Error(`The first publication is not trusted: ${ours}, ${theirs}.`);
    boards.repository.boards[name] = { [newPath]: newEntry };
    return boards;
  }

  /** The version that each trusts then; else the code of our refusal, and "refused". */
  async refresh(): Promise<{ ours: string; theirs: string }> {
    const code = await this.ours.refresh(this.repository);
    const accepted = await this.theirs.refresh(this.repository, [oldPath, newPath]);
    const version = this.theirs.trusted.has(newPath) ? "2.0.0" : "1.0.0";
    return { ours: code === "ok" ? this.ours.versions.join(" ") : code, theirs: accepted ? version : "refused" };
  }

  publish(changes: Changes = {}, days = 1): void {
    this.repository.publish(daysLater(days), changes);
  }

  publishEdited(role: string, path: readonly string[], value: unknown): void {
    const changes = { edit: { [role]: put(path, value) } };
    if (role === "root") this.repository.writeRoot({}, undefined, changes);
    this.publish(changes);
  }

  /** Gives a role of the root other keys. */
  rekey(role: "timestamp" | "snapshot", ...keys: readonly TestKey[]): void {
    this.repository.writeRoot({ [role]: { keys, threshold: keys.length } });
  }
}

function rsaKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const keyval = { public: publicKey.export({ format: "pem", type: "spki" }).toString() };
  const entry = { keytype: "rsa", scheme: "rsassa-pss-sha256", keyval };
  const signWith = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING };
  return { entry, id: idOf(entry), sign: (bytes) => sign("sha256", bytes, signWith).toString("hex") };
}

/** The same key under another id. */
function twinOf(key: TestKey): TestKey {
  const entry = { ...key.entry, keytype: "ecdsa-sha2-nistp256" };
  return { ...key, entry, id: idOf(entry) };
}

function idOf(entry: TestKey["entry"]): string {
  return sha256(Buffer.from(canonicalJson(entry)));
}

type Row = readonly [why: string, change: (boards: TwoBoards) => void];

describe("we go on where tuf-js is stuck", () => {
  it.each<Row>([
    [
      "a stale timestamp is told, and refused only where the owner says so: nobody signs a static repository every day",
      (boards) => boards.publishEdited("timestamp", ["expires"], "2027-03-02T00:00:00Z"),
    ],
    [
      "the same for a stale snapshot",
      (boards) => boards.publishEdited("snapshot", ["expires"], "2027-03-02T00:00:00Z"),
    ],
  ])("%s", async (_why, change) => {
    const boards = await TwoBoards.create();
    change(boards);
    expect(await boards.refresh()).toStrictEqual({ ours: "2.0.0", theirs: "refused" });
  });

  it("a stolen key of the snapshot has signed a version that is far too high: taking that key away is enough [TUF 1.0.31, 5.3.11]", async () => {
    const boards = await TwoBoards.create();
    boards.repository.writeRoot({ snapshot: { keys: [testKey("snapshot")], threshold: 1 } });
    boards.publish({ edit: { snapshot: put(["version"], 1_000_000) } });
    boards.repository.files.set("1000000.snapshot.json", boards.repository.file("2.snapshot.json"));
    expect(await boards.refresh()).toStrictEqual({ ours: "2.0.0", theirs: "2.0.0" });
    boards.rekey("snapshot", testKey("new snapshot"));
    boards.publish({}, 2);
    expect(await boards.refresh()).toStrictEqual({ ours: "2.0.0", theirs: "refused" });
  });

  it("a timestamp whose snapshot could not be read is not kept: the files of before go on to count, all together", async () => {
    const boards = await TwoBoards.create();
    const before = new Map(boards.repository.files);
    boards.publish();
    boards.repository.files.delete("2.snapshot.json");
    expect(await boards.refresh()).toStrictEqual({ ours: "metadata-missing", theirs: "refused" });
    for (const [file, bytes] of before) boards.repository.files.set(file, bytes);
    expect(await boards.refresh()).toStrictEqual({ ours: "1.0.0", theirs: "refused" });
  });
});

it("a snapshot of the same version with other bytes: we read the one whose digest the timestamp has signed", async () => {
  const boards = await TwoBoards.create();
  boards.publish({ edit: { snapshot: put(["version"], 1) } });
  boards.repository.files.set("1.snapshot.json", boards.repository.file("2.snapshot.json"));
  expect(await boards.refresh()).toStrictEqual({ ours: "2.0.0", theirs: "1.0.0" });
});

describe("we refuse what tuf-js accepts", () => {
  const ecdsa = testEcdsaKey();
  it.each<readonly [...Row, code: string]>([
    [
      "a key counts once, also under two ids",
      (boards) => {
        boards.rekey("timestamp", ecdsa, twinOf(ecdsa));
        boards.publish();
      },
      "metadata-invalid",
    ],
    [
      "a key's id follows from the key",
      (boards) => boards.publishEdited("root", ["keys", "0".repeat(64)], working.entry),
      "metadata-invalid",
    ],
    [
      "only ed25519 and ECDSA on P-256 are verified: less code, and nobody needs RSA",
      (boards) => {
        boards.rekey("timestamp", rsaKey());
        boards.publish();
      },
      "metadata-signature",
    ],
    [
      "a signature has one spelling",
      (boards) =>
        boards.publish({
          signWith: { timestamp: [{ ...working, sign: (bytes) => working.sign(bytes).toUpperCase() }] },
        }),
      "metadata-signature",
    ],
    [
      "a text that was signed has one spelling: half of a character is signed like the replacement character",
      ({ repository }) => {
        repository.publish(daysLater(1), { edit: { timestamp: put(["x-more"], "\ufffd") } });
        const text = Buffer.from(repository.file("timestamp.json")).toString();
        repository.files.set("timestamp.json", Buffer.from(text.replace("\ufffd", String.raw`\ud800`)));
      },
      "metadata-invalid",
    ],
    [
      "a date that cannot be read would never come",
      (boards) => boards.publishEdited("targets", ["expires"], "when the cows come home"),
      "metadata-invalid",
    ],
    [
      "a date has TUF's form",
      (boards) => boards.publishEdited("targets", ["expires"], "2030-01-01"),
      "metadata-invalid",
    ],
    [
      "a timestamp says when it was signed: boards without a clock go by that",
      (boards) => boards.publishEdited("timestamp", ["custom"], undefined),
      "metadata-invalid",
    ],
    [
      "files are numbered, so that a server may replace them one by one",
      (boards) => {
        boards.publishEdited("root", ["consistent_snapshot"], false);
        for (const role of ["snapshot", "targets", name]) {
          boards.repository.files.set(`${encodeURIComponent(role)}.json`, boards.repository.file(`2.${role}.json`));
          boards.repository.files.set(`${role}.json`, boards.repository.file(`2.${role}.json`));
        }
      },
      "metadata-invalid",
    ],
    [
      "images stand in the roles of boards",
      (boards) => boards.publishEdited("targets", ["targets"], { [newPath]: newEntry }),
      "metadata-invalid",
    ],
    [
      "a board's role is for its folder, and no other",
      (boards) => {
        const role = { keyids: [working.id], threshold: 1, name, terminating: true, paths: ["*/*"] };
        boards.publishEdited("targets", ["delegations", "roles"], [role]);
      },
      "metadata-invalid",
    ],
    [
      "a board's role passes nothing on",
      (boards) => boards.publishEdited(name, ["delegations"], { keys: {}, roles: [] }),
      "metadata-invalid",
    ],
    [
      "an image is described",
      (boards) => boards.publishEdited(name, ["targets", newPath, "custom", "epoch"], undefined),
      "metadata-invalid",
    ],
    [
      "an image's name is one that no address and no shell takes for more",
      (boards) => boards.publishEdited(name, ["targets", `${name}/a b`], newEntry),
      "metadata-invalid",
    ],
    [
      "a role has at most 50 images: a board has little memory",
      ({ repository }) => {
        const versions = Array.from({ length: 50 }, (_, at) => targetEntry(name, `1.0.${at}-more`));
        repository.boards[name] = { ...repository.boards[name], ...Object.fromEntries(versions) };
        repository.publish(daysLater(1));
      },
      "metadata-too-large",
    ],
    [
      "a file has at most 64 KiB",
      (boards) => boards.publishEdited("snapshot", ["x-more"], "x".repeat(65_536)),
      "metadata-too-large",
    ],
    [
      "after 256 roots a refresh stops before it goes by one that is not the last",
      (boards) => {
        for (let time = 0; time < 257; time += 1) boards.repository.writeRoot({});
        boards.publish();
      },
      "root-rotation",
    ],
  ])("%s", async (_why, change, code) => {
    const boards = await TwoBoards.create();
    change(boards);
    expect(await boards.refresh()).toStrictEqual({ ours: code, theirs: "2.0.0" });
  });
});
