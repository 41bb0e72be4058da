import { describe, expect, it } from "vitest";
import type { SignedTarget, TrustedTargets } from "../../../../agent/trust/ports.ts";
import { checkTarget, selectTarget, type BoardFacts, type WantedImage } from "../../../../agent/trust/select-target.ts";

const board: BoardFacts = {
  floor: 3,
  boards: ["gateway-rev2", "gateway"],
  agentVersion: "0.2.0",
  installer: "release",
};

function target(change: Partial<SignedTarget> = {}): SignedTarget {
  return {
    version: "1.0.0",
    epoch: 3,
    kind: "feature",
    boards: ["gateway"],
    installer: "release",
    options: {},
    contentSha256: "c".repeat(64),
    contentSize: 10,
    path: "gateway/app.tar",
    sha256: "a".repeat(64),
    sizeBytes: 10,
    ...change,
  };
}

function trusting(...targets: SignedTarget[]): TrustedTargets {
  return { rootVersion: 1, rootExpires: "2037-01-01T00:00:00.000Z", staleness: null, targets };
}

describe("whether a board may install a signed image", () => {
  it.each<[string, Partial<SignedTarget>, Partial<BoardFacts>, string | undefined]>([
    ["it is for this board", {}, {}, undefined],
    ["it is for this and other boards", { boards: ["base", "gateway-rev2"] }, {}, undefined],
    ["it is for another board", { boards: ["base"] }, {}, "wrong-board"],
    ["this board has no name", {}, { boards: [] }, "wrong-board"],
    ["its epoch is the floor", { epoch: 3 }, {}, undefined],
    ["its epoch is above the floor", { epoch: 4 }, {}, undefined],
    ["its epoch is below the floor", { epoch: 2 }, {}, "epoch-too-low"],
    ["an older version with a good epoch: operators go back", { version: "0.0.1" }, {}, undefined],
    ["it needs this agent", { minAgent: "0.2.0" }, {}, undefined],
    ["it needs an older agent", { minAgent: "0.1.99" }, {}, undefined],
    ["it needs a newer agent", { minAgent: "0.2.1" }, {}, "agent-too-old"],
    ["it needs a much newer agent", { minAgent: "1.0.0" }, {}, "agent-too-old"],
    ["numbers are numbers", { minAgent: "0.10.0" }, {}, "agent-too-old"],
    ["numbers are numbers, the other way round", { minAgent: "0.9.0" }, { agentVersion: "0.10.0" }, undefined],
    ["what follows the numbers does not count", { minAgent: "0.2.0" }, { agentVersion: "0.2.0+node24" }, undefined],
    [
      "an agent without a version is older than all",
      { minAgent: "0.0.0" },
      { agentVersion: "unknown" },
      "agent-too-old",
    ],
    ["it needs the floor that the board has", { minPrevious: 3 }, {}, undefined],
    ["it needs a version between", { minPrevious: 4, epoch: 5 }, {}, "previous-too-old"],
    ["it is for another installer", { installer: "rauc" }, {}, "wrong-installer"],
    ["a simulated board has any installer", { installer: "rauc" }, { installer: undefined }, undefined],
  ])("%s", (_what, change, facts, code) => {
    expect(checkTarget(target(change), { ...board, ...facts }, "accepted")?.code).toBe(code);
  });

  it("says what happened, why, and what to do", () => {
    const says = (change: Partial<SignedTarget>, facts: Partial<BoardFacts> = {}): unknown =>
      checkTarget(target(change), { ...board, ...facts }, "accepted");
    expect(says({ epoch: 2 })).toStrictEqual({
      code: "epoch-too-low",
      during: "accepted",
      message:
        "Version 1.0.0 has epoch 2, and this board accepts 3 and above, because it has committed an image with that. Ask for a newer version, or publish this one again with epoch 3.",
    });
    expect(says({ boards: ["base"] }, { boards: [] })).toMatchObject({
      message:
        "Version 1.0.0 is signed for base, and this board is without a name. Ask for an image of this board, or publish this one for it.",
    });
  });
});

describe("which image is meant", () => {
  const old = target({ version: "0.9.0", sha256: "0".repeat(64), path: "gateway/old.tar", epoch: 1 });
  const plain = target();
  const exact = target({ sha256: "b".repeat(64), path: "gateway-rev2/app.tar" });
  const higher = target({ sha256: "d".repeat(64), path: "gateway/higher.tar", epoch: 5 });
  const rauc = target({ sha256: "e".repeat(64), path: "gateway-rev2/app.raucb", epoch: 9, installer: "rauc" });
  const all = trusting(old, plain, higher, exact, rauc);

  it.each<[string, WantedImage, string]>([
    ["the one with the digest", { sha256: plain.sha256 }, plain.path],
    ["the one with the digest and the version", { sha256: plain.sha256, version: "1.0.0" }, plain.path],
    ["of one version, that of the most specific name which this board may install", { version: "1.0.0" }, exact.path],
    ["none has the digest", { sha256: "f".repeat(64) }, "not-signed"],
    ["the digest belongs to another version", { sha256: plain.sha256, version: "2.0.0" }, "not-signed"],
    ["none has the version", { version: "2.0.0" }, "version-not-published"],
    ["the only one is refused", { version: "0.9.0" }, "epoch-too-low"],
    ["the only one is for another installer", { sha256: rauc.sha256 }, "wrong-installer"],
  ])("%s", (_what, wanted, expected) => {
    const selected = selectTarget(all, wanted, board, "accepted");
    expect(selected.ok ? selected.target.path : selected.failure.code).toBe(expected);
  });

  it("within one name the highest epoch, and then the order of paths", () => {
    const selected = (...targets: SignedTarget[]): unknown =>
      selectTarget(trusting(...targets), { version: "1.0.0" }, board, "accepted");
    expect(selected(plain, higher)).toStrictEqual({ ok: true, target: higher });
    expect(selected(higher, plain)).toStrictEqual({ ok: true, target: higher });
    const later = target({ path: "gateway/b.tar" });
    expect(selected(later, plain)).toStrictEqual({ ok: true, target: plain });
    expect(selected(plain, later)).toStrictEqual({ ok: true, target: plain });
  });

  it("where all are refused, the first one says why", () => {
    const selected = selectTarget(
      trusting(old, { ...old, path: "gateway-rev2/old.tar", installer: "rauc", epoch: 9 }),
      { version: "0.9.0" },
      board,
      "accepted",
    );
    expect(selected).toMatchObject({ ok: false, failure: { code: "wrong-installer" } });
  });

  it.each<[string, WantedImage, BoardFacts, string]>([
    [
      "a version that is not there",
      { version: "2.0.0" },
      board,
      "The repository has no version 2.0.0 for this board (gateway-rev2, gateway). Publish it for this board, or ask for a version that boardkeeper repo list shows.",
    ],
    [
      "a digest that is not there",
      { sha256: "f".repeat(64) },
      { ...board, boards: [] },
      "No signed image for this board (a board without a name) has the SHA-256 ffffffffffff…. It was not published, or for other boards, or it was retired. Publish it with boardkeeper repo publish.",
    ],
    [
      "another version's digest",
      { sha256: plain.sha256, version: "2.0.0" },
      board,
      "The image with the SHA-256 aaaaaaaaaaaa… was signed as version 1.0.0, not as 2.0.0. Ask for the version that was signed.",
    ],
  ])("%s: says so", (_what, wanted, facts, message) => {
    expect(selectTarget(all, wanted, facts, "accepted")).toMatchObject({
      ok: false,
      failure: { during: "accepted", message },
    });
  });
});
