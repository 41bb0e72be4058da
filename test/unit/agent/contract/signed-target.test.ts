import { describe, expect, it } from "vitest";
import { check } from "../../../../agent/contract/check.ts";
import {
  boardName,
  isTargetPath,
  rootFingerprintText,
  signedTargetSchema,
  targetFilePath,
  toBoardName,
} from "../../../../agent/contract/signed-target.ts";

describe("a board's name", () => {
  it.each([
    ["raspberrypi,4-model-b", "raspberrypi,4-model-b"],
    [" Standard PC (Q35 + ICH9, 2009) ", "Standard-PC-Q35-+-ICH9,-2009"],
    ["--acme/gateway--", "acme-gateway"],
    ["a".repeat(70), "a".repeat(64)],
    ["(°-°)", undefined],
    ["root", undefined],
    ["timestamp", undefined],
  ])("made of %j is %j", (text, name) => {
    expect(toBoardName(text)).toBe(name);
  });

  it.each(["", "-a", "a/b", "..", "a b", "snapshot", "a".repeat(65)])("is not %j", (name) => {
    expect(check(boardName, name).ok).toBe(false);
  });
});

describe("a target", () => {
  const target = {
    version: "1.2.0",
    epoch: 0,
    kind: "security",
    boards: ["acme,gateway"],
    installer: "release",
    options: {},
    contentSha256: "a".repeat(64),
    contentSize: 1,
  };

  it("may leave out what it does not need", () => {
    expect(check(signedTargetSchema, target)).toEqual({ ok: true, value: target });
  });

  it.each([
    { epoch: -1 },
    { epoch: 1.5 },
    { kind: "urgent" },
    { boards: [] },
    { boards: ["root"] },
    { minAgent: "1.2" },
    { installer: "Release" },
    { contentSha256: "a" },
    { contentSize: 0 },
    { notes: "n".repeat(1_001) },
  ])("is refused with %j", (wrong) => {
    expect(check(signedTargetSchema, { ...target, ...wrong }).ok).toBe(false);
  });

  it.each([
    ["acme/app-1.0.tar.gz", true],
    ["other/app-1.0.tar.gz", false],
    ["acme/../app", false],
    ["acme/-app", false],
    ["acme/a/b", false],
    ["acme/", false],
  ])("of acme may lie at %s: %s", (path, isAllowed) => {
    expect(isTargetPath("acme", path)).toBe(isAllowed);
  });

  it("has its digest before its name", () => {
    expect(targetFilePath("acme,gateway/app-1.0.tar.gz", "ab12")).toBe("targets/acme,gateway/ab12.app-1.0.tar.gz");
  });
});

it("a root's fingerprint does not depend on the order of its keys, but on how many must sign", () => {
  expect(rootFingerprintText(1, ["b", "a"])).toBe(rootFingerprintText(1, ["a", "b"]));
  expect(rootFingerprintText(2, ["a", "b"])).not.toBe(rootFingerprintText(1, ["a", "b"]));
});
