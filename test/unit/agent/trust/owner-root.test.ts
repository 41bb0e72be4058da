import { describe, expect, it } from "vitest";
import { chooseRoot } from "../../../../agent/trust/owner-root.ts";
import type { StoredMetadata } from "../../../../agent/trust/ports.ts";
import { recovery, testKey, TufRepository, usualKeys, working } from "../../../support/tuf-repository.ts";

const issued = "2027-03-01T12:00:00Z";
const record = { floor: 4, issued };
const nextWorking = testKey("next working");
const nextRecovery = testKey("next recovery");
const only = (...keys: readonly ReturnType<typeof testKey>[]) => ({ keys, threshold: 1 });
const byNextWorking = {
  root: only(nextWorking, recovery),
  targets: only(nextWorking),
  snapshot: only(nextWorking),
  timestamp: only(nextWorking),
};

/** A publisher whose first root a board trusts, with all that was published under it; and his next roots. */
function publisher(...next: readonly Parameters<TufRepository["writeRoot"]>[]) {
  const repository = new TufRepository();
  const metadata = repository.stored();
  for (const rotation of next) repository.writeRoot(...rotation);
  return { metadata, root: (version: number) => repository.file(`${version}.root.json`) };
}

function choose(metadata: StoredMetadata, root: Uint8Array, seed?: Uint8Array) {
  return chooseRoot({ metadata, record, seed }, root);
}

describe("a root that the owner trusts", () => {
  it("follows the same publisher's: what its keys still sign stays, so that nothing older can be replayed", () => {
    const { metadata, root } = publisher([{ root: only(working, nextRecovery) }]);
    expect(choose(metadata, root(2))).toStrictEqual({
      relation: "follows",
      metadata: { ...metadata, root: root(2) },
      issued,
    });
  });

  it("follows over versions that this board never saw, where its keys have signed the last one", () => {
    const { metadata, root } = publisher([{}], [{}]);
    expect(choose(metadata, root(3))).toMatchObject({
      relation: "follows",
      metadata: { timestamp: metadata.timestamp },
    });
  });

  it.each([
    ["timestamp", null],
    ["snapshot", issued],
  ] as const)("forgets timestamp and snapshot where a key of the %s is gone", (role, remembered) => {
    const { metadata, root } = publisher([{ [role]: only(nextWorking) }]);
    expect(choose(metadata, root(2))).toStrictEqual({
      relation: "follows",
      metadata: { ...metadata, root: root(2), timestamp: undefined, snapshot: undefined },
      issued: remembered,
    });
  });

  it("replaces another publisher's root with all that was signed under it, whatever its version", () => {
    const { metadata, root } = publisher([{}]);
    const stranger = new TufRepository({ keys: { ...usualKeys, root: only(testKey("stranger")) } });
    stranger.writeRoot({});
    stranger.writeRoot({});
    for (const version of [1, 2, 3]) {
      const other = stranger.file(`${version}.root.json`);
      expect(choose({ ...metadata, root: root(2) }, other)).toStrictEqual({
        relation: "replaces",
        metadata: { root: other, roles: new Map() },
        issued: null,
      });
    }
  });

  it("is another publisher's where it only names a key of the present root, and that key has not signed it", () => {
    const { metadata } = publisher();
    const thief = testKey("thief");
    const forged = new TufRepository({ keys: { ...usualKeys, root: only(thief) } });
    forged.writeRoot({ root: only(thief, recovery) }, undefined, { signWith: { root: [thief] } });
    expect(choose(metadata, forged.file("2.root.json"))).toMatchObject({ relation: "replaces", issued: null });
  });

  it.each([1, 2])(
    "keeps the newer root of the same publisher against version %i, whose keys he has replaced",
    (version) => {
      const { metadata, root } = publisher([{}], [byNextWorking]);
      const newer = { ...metadata, root: root(3) };
      expect(choose(newer, root(version))).toStrictEqual({ relation: "stays", metadata: newer, issued });
    },
  );

  it("keeps it against the root that it has come from, also where no key is the same any more", () => {
    const { metadata, root } = publisher(
      [byNextWorking],
      [{ root: only(nextWorking, nextRecovery) }, undefined, { signWith: { root: [nextWorking] } }],
    );
    const newer = { ...metadata, root: root(3) };
    expect(choose(newer, root(1), root(1))).toStrictEqual({ relation: "stays", metadata: newer, issued });
  });

  it("takes the owner's word against a thief's root of the same version", () => {
    const [thief, owner] = [
      publisher([{ root: only(testKey("thief")) }, undefined, { signWith: { root: [working, testKey("thief")] } }]),
      publisher([byNextWorking, undefined, { signWith: { root: [recovery, nextWorking] } }]),
    ];
    expect(choose({ ...thief.metadata, root: thief.root(2) }, owner.root(2))).toMatchObject({
      relation: "replaces",
      metadata: { root: owner.root(2) },
      issued: null,
    });
  });

  it("changes nothing where the board trusts it already", () => {
    const { metadata, root } = publisher();
    expect(choose(metadata, root(1))).toStrictEqual({ relation: "stays", metadata, issued });
  });
});
