import { describe, expect, it } from "vitest";
import { isSameImage, isVersionAlone, type ImageName } from "../../../../agent/update/image-name.ts";
import { digest } from "../../../support/updates.ts";

const otherDigest = "b".repeat(64);
const label = `sha256:${digest.slice(0, 12)}`;
const unresolved = true as const;

describe("two requests are for one image", () => {
  it.each<[ImageName, ImageName, boolean]>([
    [{ version: "2", sha256: digest }, { version: "2", sha256: digest }, true],
    [{ version: "2", sha256: digest }, { version: "3", sha256: digest }, false],
    [{ version: "2", sha256: digest }, { version: "2", sha256: otherDigest }, false],
    // Dry runs.
    [{ version: "2", sha256: null }, { version: "2", sha256: null }, false],
    [{ version: "2", sha256: null }, { version: "2", sha256: null, unresolved }, false],
    // A version alone.
    [{ version: "2", sha256: null, unresolved }, { version: "2", sha256: null, unresolved }, true],
    [{ version: "2", sha256: null, unresolved }, { version: "3", sha256: null, unresolved }, false],
    [{ version: "2", sha256: digest }, { version: "2", sha256: null, unresolved }, true],
    [{ version: "2", sha256: digest }, { version: "3", sha256: null, unresolved }, false],
    // No version: where nobody signs, the label is another one.
    [{ version: "2", sha256: digest }, { version: label, sha256: digest }, false],
    [{ version: "2", sha256: digest }, { version: label, sha256: digest, unresolved }, true],
    [{ version: "2", sha256: digest }, { version: "3", sha256: digest, unresolved }, false],
    [{ version: "2", sha256: otherDigest }, { version: label, sha256: digest, unresolved }, false],
  ])("%j and %j: %s", (a, b, same) => {
    expect([isSameImage(a, b), isSameImage(b, a)]).toStrictEqual([same, same]);
  });
});

it("a version is alone while nothing has been found by it", () => {
  expect(isVersionAlone({ version: "2", sha256: null, unresolved })).toBe(true);
  expect(isVersionAlone({ version: "2", sha256: digest, unresolved })).toBe(false);
  expect(isVersionAlone({ version: "2", sha256: null })).toBe(false);
});
