import { describe, expect, it } from "vitest";
import { secondPublication, TrustingBoard } from "../../../support/trusting-board.ts";
import {
  daysLater,
  noClock,
  put,
  testKey,
  TufRepository,
  type RepositoryKeys,
  type RoleKeys,
} from "../../../support/tuf-repository.ts";

const name = "acme,gateway";

describe("old files", () => {
  it("a repository of before is refused: metadata-rollback", async () => {
    const { board, repository } = await secondPublication();
    const old = new TufRepository();
    expect(await board.refresh(repository)).toBe("ok");
    old.files.set("2.root.json", repository.file("2.root.json"));
    const { stored } = board;
    expect(await board.refresh(old)).toBe("metadata-rollback");
    expect(board.stored).toStrictEqual(stored);
  });

  it.each(["snapshot", "targets", name])("an older %s under a newer timestamp: metadata-rollback", async (role) => {
    const { board, repository } = await secondPublication();
    expect(await board.refresh(repository)).toBe("ok");
    // Signed by the publisher's own keys: only the versions tell.
    repository.publish(daysLater(2), { edit: { [role]: put(["version"], 1) } });
    for (const [file, bytes] of repository.files) {
      if (file.startsWith("3.")) repository.files.set(file.replace("3.", "1."), bytes);
    }
    expect(await board.refresh(repository)).toBe("metadata-rollback");
  });

  it("a role that is gone from the snapshot: metadata-rollback", async () => {
    const { board, repository } = await secondPublication({
      edit: { snapshot: put(["meta", "acme,gateway.json"], undefined) },
    });
    expect(await board.refresh(repository)).toBe("metadata-rollback");
  });

  it.each([
    ["2.snapshot.json", "1.snapshot.json"],
    ["2.targets.json", "1.targets.json"],
    ["2.acme,gateway.json", "1.acme,gateway.json"],
  ])("%s mixed with the new files: metadata-mismatch", async (file, former) => {
    const { board, repository } = await secondPublication();
    repository.files.set(file, repository.file(former));
    expect(await board.refresh(repository)).toBe("metadata-mismatch");
  });

  it.each([
    ["snapshot", "timestamp", ["meta", "snapshot.json"]],
    ["targets", "snapshot", ["meta", "targets.json"]],
    [name, "snapshot", ["meta", "acme,gateway.json"]],
  ] as const)(
    "%s of another version than the %s says, without digests: metadata-mismatch",
    async (role, parent, path) => {
      const edit = { [role]: put(["version"], 7), [parent]: put(path, { version: 2 }) };
      const { board, repository } = await secondPublication({ edit });
      expect(await board.refresh(repository)).toBe("metadata-mismatch");
    },
  );

  it("of two timestamps with one version, the first one counts", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    await board.refresh(repository);
    const { stored } = board;
    repository.version = 0;
    repository.publish(daysLater(3));
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.stored.timestamp).toBe(stored.timestamp);
    expect(board.record.issued).toBe("2027-03-01T12:00:00Z");
  });
});

const keys = (...names: string[]): RoleKeys => ({ keys: names.map(testKey), threshold: 1 });
const highest = Number.MAX_SAFE_INTEGER;

/** The publisher's roles are signed by keys of their own; those of timestamp and snapshot are online, and can be stolen. */
const apart: RepositoryKeys = {
  root: keys("root"),
  targets: keys("targets"),
  boards: keys("targets"),
  snapshot: keys("snapshot"),
  timestamp: keys("timestamp"),
};

async function boardOf(repository: TufRepository): Promise<TrustingBoard> {
  const board = new TrustingBoard(repository.seed());
  expect(await board.refresh(repository)).toBe("ok");
  return board;
}

describe("a thief of an online key has signed versions that are far too high", () => {
  it.each(["timestamp", "snapshot"])(
    "%s: the publisher's own files are older, until the key is taken away",
    async (role) => {
      const repository = new TufRepository({ keys: apart });
      const board = await boardOf(repository);
      repository.publish(daysLater(1), { edit: { [role]: put(["version"], highest) } });
      repository.files.set(`${highest}.snapshot.json`, repository.file("2.snapshot.json"));
      expect(await board.refresh(repository)).toBe("ok");

      repository.publish(daysLater(2));
      expect(await board.refresh(repository)).toBe("metadata-rollback");
      expect(await board.refresh(repository)).toBe("metadata-rollback");
      repository.writeRoot({ [role]: keys(`new ${role}`) }, daysLater(3));
      repository.publish(daysLater(3));
      expect(await board.refresh(repository)).toBe("ok");
      expect(board.stored).toStrictEqual(repository.stored());
    },
  );

  it("a signed time that is far too late is forgotten with the key of the timestamp", async () => {
    const repository = new TufRepository({ keys: apart });
    const board = await boardOf(repository);
    board.clock = noClock;
    const far = {
      expires: put(["expires"], "2099-12-31T00:00:00Z"),
      issued: put(["custom", "issued"], "2099-01-01T00:00:00Z"),
    };
    const all = { targets: far.expires, [name]: far.expires, snapshot: far.expires, timestamp: far.issued };
    repository.writeRoot({}, daysLater(1), { edit: { root: far.expires } });
    repository.publish(daysLater(1), { edit: all });
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.record.issued).toBe("2099-01-01T00:00:00Z");

    repository.writeRoot({ timestamp: keys("new timestamp") }, daysLater(2));
    repository.files.delete("timestamp.json");
    expect(await board.refresh(repository)).toBe("metadata-missing");
    // The thief's time is forgotten at once, not only when a new one comes.
    expect(board.record.issued).toBeNull();
    expect(board.load()).toBe("metadata-missing");
    repository.publish(daysLater(2));
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.record.issued).toBe("2027-03-03T12:00:00Z");
  });

  it("the snapshot's key alone: the signed time stays", async () => {
    const repository = new TufRepository({ keys: apart });
    const board = await boardOf(repository);
    repository.writeRoot({ snapshot: keys("new snapshot") }, daysLater(2));
    repository.files.delete("timestamp.json");
    expect(await board.refresh(repository)).toBe("metadata-missing");
    expect(board.stored).toMatchObject({ timestamp: undefined, snapshot: undefined });
    expect(board.record.issued).toBe("2027-03-01T12:00:00Z");
  });

  it("taken away and given back on the way: forgotten all the same", async () => {
    const repository = new TufRepository({ keys: apart });
    const board = await boardOf(repository);
    repository.publish(daysLater(1), { edit: { timestamp: put(["version"], highest) } });
    expect(await board.refresh(repository)).toBe("ok");
    repository.writeRoot({ timestamp: keys("for a day") });
    repository.writeRoot({ timestamp: keys("timestamp") });
    repository.publish(daysLater(2));
    expect(await board.refresh(repository)).toBe("ok");
  });

  it("one of two keys taken away: forgotten, although the other one has signed too", async () => {
    const repository = new TufRepository({ keys: { ...apart, timestamp: keys("timestamp", "second") } });
    const board = await boardOf(repository);
    repository.publish(daysLater(1), { edit: { timestamp: put(["version"], highest) } });
    expect(await board.refresh(repository)).toBe("ok");
    repository.writeRoot({ timestamp: keys("second") }, daysLater(2));
    repository.publish(daysLater(2));
    expect(await board.refresh(repository)).toBe("ok");
  });

  it("a key that is only added forgets nothing: old files stay refused", async () => {
    const repository = new TufRepository({ keys: apart });
    const board = await boardOf(repository);
    const old = repository.file("timestamp.json");
    repository.publish(daysLater(1));
    expect(await board.refresh(repository)).toBe("ok");
    repository.writeRoot({ timestamp: keys("timestamp", "second") });
    repository.files.set("timestamp.json", old);
    expect(await board.refresh(repository)).toBe("metadata-rollback");
  });
});

describe("says which file is older than what the board has seen, and what to do", () => {
  it.each([
    ["timestamp", put(["version"], 1), "the timestamp has version 1, after 2."],
    ["timestamp", put(["meta", "snapshot.json", "version"], 1), "the timestamp names snapshot 1, after 2."],
    [
      "snapshot",
      put(["meta", "targets.json", "version"], 1),
      "the snapshot lists targets.json with version 1, after 2.",
    ],
    ["snapshot", put(["meta", "targets.json"], undefined), "the snapshot no longer lists targets.json."],
  ])("%s", async (role, edit, what) => {
    const { board, repository } = await secondPublication();
    expect(await board.refresh(repository)).toBe("ok");
    repository.publish(daysLater(2), { edit: { [role]: edit } });
    expect(await board.refresh(repository)).toBe("metadata-rollback");
    expect(board.error?.message).toBe(
      `The repository is older than what this board has seen: ${what} It was restored from a backup, or somebody replays old files. Serve the newest files again. If they are lost, publish anew with new keys (boardkeeper repo rotate).`,
    );
  });
});

it("a key that was taken away signs no more: metadata-signature", async () => {
  const repository = new TufRepository();
  const board = await boardOf(repository);
  const { keys: former } = repository;
  const next = keys("new working");
  repository.writeRoot({ targets: next, boards: next, snapshot: next, timestamp: next });
  repository.keys = { ...former, root: repository.keys.root };
  repository.publish(daysLater(1));
  expect(await board.refresh(repository)).toBe("metadata-signature");
  // The root that has taken it away is kept: what the key has signed before is no longer trusted either.
  expect(board.stored.root).toBe(repository.file("2.root.json"));
  expect(board.load()).toBe("metadata-missing");
});
