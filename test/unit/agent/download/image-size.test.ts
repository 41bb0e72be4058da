import { describe, expect, it } from "vitest";
import { checkImageSize, sizeMismatch } from "../../../../agent/download/image-size.ts";

describe("the size of an image", () => {
  it.each([
    [1_000, 1_000, 1_000],
    [999, 1_000, 1_000],
  ])("%i bytes are fine where %i are accepted and there is space for %i", (bytes, most, space) => {
    expect(() => checkImageSize(bytes, most, space)).not.toThrow();
  });

  it.each([
    [1_001, 1_000, 5_000, "image-too-large", "1001 bytes or more; this board accepts 1000"],
    [1_001, 5_000, 1_000, "no-space", "1001 bytes or more; the board has space for 1000"],
    [1_001, 1_000, 1_000, "image-too-large", "this board accepts 1000"],
  ])("%i bytes are too many where %i are accepted and there is space for %i", (bytes, most, space, code, why) => {
    expect(() => checkImageSize(bytes, most, space)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(why) }),
    );
  });

  it("that differs from the announced one is named beside it", () => {
    expect(sizeMismatch(7, 8)).toMatchObject({
      code: "bad-size",
      message: expect.stringContaining("7 bytes, but 8 were announced"),
    });
  });
});
