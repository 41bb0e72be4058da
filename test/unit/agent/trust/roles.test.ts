import { describe, expect, it } from "vitest";
import { secondPublication, TrustingBoard } from "../../../support/trusting-board.ts";
import {
  daysLater,
  put,
  testKey,
  TufRepository,
  usualKeys,
  wallClock,
  working,
} from "../../../support/tuf-repository.ts";

const name = "acme,gateway";

/** A board that knows the first root, and a repository whose root has been renewed so many times, each time with new keys. */
function rotated(times: number): { board: TrustingBoard; repository: TufRepository } {
  const repository = new TufRepository();
  const board = new TrustingBoard(repository.seed());
  for (let time = 0; time < times; time += 1) {
    const role = { keys: [testKey(`working ${time % 7}`)], threshold: 1 };
    repository.writeRoot({ root: role, targets: role, snapshot: role, timestamp: role, boards: role });
  }
  repository.publish(daysLater(1));
  return { board, repository };
}

describe("the root", () => {
  it.each([1, 40, 256])("%d versions behind: the board goes from one to the next", async (times) => {
    const { board, repository } = rotated(times);
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.trusted?.rootVersion).toBe(1 + times);
    expect(board.stored).toStrictEqual(repository.stored());
  });

  it("more than 256 versions behind: root-rotation, and the next refresh goes on from there", async () => {
    const { board, repository } = rotated(258);
    expect(await board.refresh(repository)).toBe("root-rotation");
    expect(board.stored.root).toBe(repository.file("257.root.json"));
    expect(await board.refresh(repository)).toBe("ok");
    expect(board.trusted?.rootVersion).toBe(259);
  });

  it("roots that have expired on the way do no harm; the last one must not have", async () => {
    const { board, repository } = rotated(3);
    board.clock = wallClock(daysLater(5_000));
    expect(await board.refresh(repository)).toBe("metadata-expired");
    expect(board.stored.root).toBe(repository.file("4.root.json"));
    repository.writeRoot({}, daysLater(5_000));
    repository.publish(daysLater(5_000));
    expect(await board.refresh(repository)).toBe("ok");
  });

  it.each([
    ["a version that is left out", 3],
    ["the root of before", 1],
  ])("%s: root-rotation", async (_what, version) => {
    const { board, repository } = await secondPublication({ edit: { root: put(["version"], version) } });
    const { stored } = board;
    expect(await board.refresh(repository)).toBe("root-rotation");
    expect(board.stored).toStrictEqual(stored);
  });

  it("a file that is missing between two others: what the last ones sign is not trusted", async () => {
    const { board, repository } = rotated(3);
    repository.files.delete("3.root.json");
    expect(await board.refresh(repository)).toBe("metadata-signature");
    expect(board.stored.root).toBe(repository.file("2.root.json"));
  });

  it("a fork: another publisher's root under the next number: root-rotation", async () => {
    const thief = { keys: [testKey("thief")], threshold: 1 };
    const fork = new TufRepository({
      keys: { root: thief, targets: thief, snapshot: thief, timestamp: thief, boards: thief },
    });
    fork.writeRoot({});
    fork.publish(daysLater(2));
    const { board, repository } = await secondPublication();
    const { stored } = board;
    for (const [file, bytes] of fork.files) repository.files.set(file, bytes);
    expect(await board.refresh(repository)).toBe("root-rotation");
    expect(board.stored).toStrictEqual(stored);
  });

  it("signed by the former keys, but not by its own: metadata-signature", async () => {
    const repository = new TufRepository();
    const board = new TrustingBoard(repository.seed());
    repository.writeRoot({ root: { keys: [testKey("new root")], threshold: 1 } }, undefined, {
      signWith: { root: [working] },
    });
    expect(await board.refresh(repository)).toBe("metadata-signature");
  });

  it("a higher threshold counts from the next root on, the former one until then", async () => {
    const three = ["a", "b", "c"].map(testKey);
    const repository = new TufRepository({ keys: { ...usualKeys, root: { keys: three, threshold: 2 } } });
    const board = new TrustingBoard(repository.seed());
    repository.writeRoot({ root: { keys: three, threshold: 3 } }, undefined, { signWith: { root: three.slice(1) } });
    expect(await board.refresh(repository)).toBe("metadata-signature");
    repository.rootVersion = 1;
    repository.writeRoot({ root: { keys: three, threshold: 3 } });
    expect(await board.refresh(repository)).toBe("ok");
  });
});

describe("what a repository of ours does not have: metadata-invalid", () => {
  it.each([
    ["files without numbers", "root", put(["consistent_snapshot"], false)],
    ["images in the top-level role", "targets", put(["targets"], { "a/b": { length: 1, hashes: {} } })],
    [
      "hashed roles",
      "targets",
      put(["delegations"], { keys: {}, succinct_roles: { keyids: [], threshold: 1, bit_length: 4, name_prefix: "x" } }),
    ],
    ["a role for two patterns", "targets", delegation({ paths: [`${name}/*`, "*"] })],
    ["a role for everything", "targets", delegation({ paths: ["*/*"] })],
    ["a role that passes on", "targets", delegation({ terminating: false })],
    ["a role by digests of paths", "targets", delegation({ paths: undefined, path_hash_prefixes: ["00"] })],
    ["roles below that of a board", name, put(["delegations"], { keys: {}, roles: [] })],
    ["a timestamp without its time", "timestamp", put(["custom"], undefined)],
    ["a timestamp whose time is none", "timestamp", put(["custom", "issued"], "yesterday")],
  ])("%s", async (_what, role, edit) => {
    const { board, repository } = await secondPublication({ edit: { [role]: edit } });
    expect(await board.refresh(repository)).toBe("metadata-invalid");
  });

  function delegation(change: object): ReturnType<typeof put> {
    const keyids = [working.id];
    const role = { keyids, threshold: 1, name, terminating: true, paths: [`${name}/*`], ...change };
    return put(["delegations", "roles"], [JSON.parse(JSON.stringify(role))]);
  }
});

describe("a list of files", () => {
  it.each([
    ["without the targets", put(["meta", "targets.json"], undefined)],
    ["without the board's role", put(["meta", "acme,gateway.json"], undefined)],
  ])("%s: metadata-mismatch for a board that has seen nothing yet", async (_what, edit) => {
    const repository = new TufRepository();
    repository.publish(daysLater(1), { edit: { snapshot: edit } });
    expect(await new TrustingBoard(repository.seed()).refresh(repository)).toBe("metadata-mismatch");
  });

  it.each([
    ["timestamp", ["meta", "snapshot.json", "length"]],
    ["snapshot", ["meta", "targets.json", "length"]],
    ["snapshot", ["meta", "another.json", "length"]],
  ] as const)("a %s that lists a file of more than 64 KiB: metadata-too-large", async (role, path) => {
    const repository = new TufRepository({ boards: { [name]: ["1.0.0"], another: [] } });
    repository.publish(daysLater(1), { edit: { [role]: put(path, 65_537) } });
    expect(await new TrustingBoard(repository.seed()).refresh(repository)).toBe("metadata-too-large");
  });

  it("with versions alone, without sizes and digests, is enough: TUF leaves these open", async () => {
    const edit = { snapshot: put(["meta"], { "targets.json": { version: 2 }, "acme,gateway.json": { version: 2 } }) };
    const { board, repository } = await secondPublication({ edit });
    expect(await board.refresh(repository)).toBe("ok");
  });

  it.each([
    ["a digest of an unknown kind", { "made-up": "00" }],
    ["another digest beside the right one", { md5: "00" }],
  ])("%s: metadata-mismatch", async (_what, hashes) => {
    const { board, repository } = await secondPublication({
      edit: { timestamp: put(["meta", "snapshot.json", "hashes"], hashes) },
    });
    expect(await board.refresh(repository)).toBe("metadata-mismatch");
  });
});

it("targets that delegate to no board: no images, and no error", async () => {
  const { board, repository } = await secondPublication({ edit: { targets: put(["delegations"], undefined) } });
  expect(await board.refresh(repository)).toBe("ok");
  expect(board.versions).toStrictEqual([]);
});
