import { describe, expect, it } from "vitest";
import { checkTrust, type TrustFacts } from "../../../../../agent/cli/doctor/trust.ts";
import { describeFinding } from "../../../../support/findings.ts";

const fingerprint = "f".repeat(64);
const image = { version: "1.1.0", epoch: 4, kind: "feature", sha256: "d".repeat(64) };
const trusting: TrustFacts = {
  root: { version: 3, expires: "2037-03-01T12:00:00.000Z", fingerprint, keys: [] },
  damage: null,
  problems: [],
  remade: null,
  seed: { path: "/etc/boardkeeper/root.json", version: 1, fingerprint: "e".repeat(64) },
  floor: 4,
  issued: "2027-03-01T12:00:00Z",
  boards: ["acme,gateway"],
  boardsFrom: "device tree",
  boardConfigProblem: null,
  unsignedAllowed: false,
  refuseStale: false,
  metadata: { staleness: null, images: [image, { ...image, version: "1.0.0" }] },
  isSimulated: false,
  nowMs: Date.parse("2027-03-02T00:00:00Z"),
  repository: "https://images.example/repository",
  installer: "release",
};
const nobody: TrustFacts = { ...trusting, root: null, metadata: null };

describe("trust", () => {
  it("is root, names, repository and metadata", () => {
    expect(checkTrust(trusting).map(describeFinding)).toStrictEqual([
      "ok: version 3, expires 2037-03-01",
      "ok: acme,gateway (device tree)",
      "ok: https://images.example/repository; not asked: the next update asks it",
      "ok: 2 images for this board: 1.1.0, 1.0.0",
    ]);
  });

  it.each<[Partial<TrustFacts>, string]>([
    [
      nobody,
      "fault: none: the board cannot tell whose images it may install, and refuses updates (trust-root-missing)",
    ],
    [
      { ...nobody, installer: "none" },
      "warning: none: the board cannot tell whose images it may install, and refuses updates (trust-root-missing)",
    ],
    [
      { ...nobody, unsignedAllowed: true },
      "warning: none, and update.allow-unsigned is set: whoever holds the hub's key can install any image",
    ],
    [{ ...nobody, isSimulated: true }, "ok: none: a simulated board without one installs what it is asked for"],
    [{ ...nobody, damage: "It cannot be read. Add it again." }, "fault: It cannot be read"],
    [{ boardConfigProblem: "Line 1 is odd. Correct it." }, "fault: Line 1 is odd"],
    [
      { nowMs: Date.parse("2037-03-02T00:00:00Z") },
      "fault: version 3, expires 2037-03-01: it has expired, and updates are refused",
    ],
    [{ nowMs: Date.parse("2037-01-01T00:00:00Z") }, "warning: version 3, expires 2037-03-01: that is soon"],
    [{ nowMs: null }, "ok: version 3, expires 2037-03-01"],
    [
      { unsignedAllowed: true },
      "warning: version 3, expires 2037-03-01; update.allow-unsigned is set too, and changes nothing beside it",
    ],
    [{ problems: ["It is cut off.", "It is used."] }, "warning: the trust store is damaged: It is cut off. It is used"],
    [{ remade: "It was lost." }, "warning: the trust store was made anew: It was lost"],
    [
      { seed: { path: "/etc/boardkeeper/root.json", problem: "is not there" } },
      "warning: a lost trust store could not be made anew: /etc/boardkeeper/root.json is not there",
    ],
    [
      { seed: { path: "/etc/boardkeeper/root.json", version: 3, fingerprint: "e".repeat(64) } },
      "warning: /etc/boardkeeper/root.json is of another publisher than the root that the board trusts",
    ],
    [{ boards: [] }, "fault: nothing names this board, so no signed image is for it"],
    [
      { repository: null },
      "warning: update.repository is not set: the board learns of new images only with install --repository",
    ],
    [
      { metadata: { code: "metadata-missing", message: "…" } },
      "ok: none yet: it is read from the repository with the first update",
    ],
    [{ metadata: { code: "metadata-expired", message: "It expired. Sign it." } }, "fault: It expired"],
    [{ metadata: { staleness: "It is old. Sign it.", images: [] } }, "warning: It is old"],
    [{ metadata: { staleness: null, images: [] } }, "warning: no image is signed for this board"],
    [{ metadata: { staleness: null, images: [image] } }, "ok: 1 image for this board: 1.1.0"],
    [
      { metadata: { staleness: null, images: Array.from({ length: 6 }, () => image) } },
      "ok: 6 images for this board: 1.1.0, 1.1.0, 1.1.0, 1.1.0, 1.1.0 …",
    ],
  ])("%j", (changes, expected) => {
    expect(checkTrust({ ...trusting, ...changes }).map(describeFinding)).toContain(expected);
  });

  it("says no more where nobody is trusted, or the root cannot be read", () => {
    expect(checkTrust(nobody)).toHaveLength(1);
    expect(checkTrust({ ...nobody, damage: "It cannot be read." })).toHaveLength(1);
  });
});
