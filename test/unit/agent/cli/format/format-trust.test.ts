import { describe, expect, it } from "vitest";
import { formatRows } from "../../../../../agent/cli/format/format-status.ts";
import { trustRows, type TrustDescription } from "../../../../../agent/cli/format/format-trust.ts";

const nobody: TrustDescription = {
  root: null,
  damage: null,
  problems: [],
  remade: null,
  seed: { path: "/etc/boardkeeper/root.json", problem: "is not there" },
  floor: null,
  issued: null,
  boards: ["acme,gateway"],
  boardsFrom: "device tree",
  boardConfigProblem: null,
  unsignedAllowed: false,
  refuseStale: false,
  metadata: null,
};

const trusting: TrustDescription = {
  ...nobody,
  root: {
    version: 3,
    expires: "2037-03-01T12:00:00.000Z",
    fingerprint: "f".repeat(64),
    keys: [
      { role: "root", threshold: 1, keyIds: ["a".repeat(64), "b".repeat(64)] },
      { role: "targets", threshold: 2, keyIds: ["c".repeat(64)] },
    ],
  },
  floor: 4,
  issued: "2027-03-01T12:00:00Z",
  metadata: {
    staleness: null,
    images: [
      { version: "1.1.0", epoch: 4, kind: "security", sha256: "d".repeat(64) },
      { version: "1.0.0", epoch: 3, kind: "feature", sha256: "e".repeat(64) },
    ],
  },
};

describe("what a board trusts, for people", () => {
  it("is a table", () => {
    expect(formatRows(trustRows(trusting))).toBe(`Trust root   version 3, expires 2037-03-01
Fingerprint  ${"f".repeat(64)}
Keys         root: 1 of aaaaaaaaaaaa, bbbbbbbbbbbb
             targets: 2 of cccccccccccc
Floor        epoch 4: images of a lower one are refused
Signed time  2027-03-01T12:00:00Z
Metadata     up to date
Images       1.1.0, epoch 4, security, SHA-256 dddddddddddd…
             1.0.0, epoch 3, feature, SHA-256 eeeeeeeeeeee…
Board names  acme,gateway (device tree)
Unsigned     refused
If stale     updates go on, with a warning
`);
  });

  it.each<[Partial<TrustDescription>, string]>([
    [nobody, "Trust root   none: this board cannot tell who may publish for it"],
    [{ ...nobody, damage: "It is damaged." }, "Trust root   cannot be read"],
    [{ ...nobody, damage: "It is damaged." }, "Problems     It is damaged."],
    [{ ...nobody, unsignedAllowed: true }, "Unsigned     ALLOWED (update.allow-unsigned): a digest is enough"],
    [{ unsignedAllowed: true }, "Unsigned     refused: update.allow-unsigned changes nothing beside a trust root"],
    [{ boards: [], boardsFrom: null }, "Board names  none"],
    [{ issued: null }, "Signed time  none yet"],
    [{ refuseStale: true }, "If stale     updates are refused (update.refuse-stale)"],
    [{ metadata: { staleness: "The timestamp is old.", images: [] } }, "Metadata     The timestamp is old."],
    [{ metadata: { staleness: null, images: [] } }, "Images       none for this board"],
    [{ metadata: { code: "metadata-missing", message: "…" } }, "Metadata     none yet: it comes with the first update"],
    [{ metadata: { code: "metadata-expired", message: "Old." } }, "Metadata     Old. (metadata-expired)"],
    [{ remade: "Once.", problems: ["Now."] }, "Problems     Once. Now."],
  ])("%j", (changes, line) => {
    expect(formatRows(trustRows({ ...trusting, ...changes })).split("\n")).toContain(line);
  });
});
