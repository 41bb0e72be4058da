import { describe, expect, it } from "vitest";
import { parseImagePath } from "../../../../service-tools/images/image-path.ts";

describe("a path of the image server", () => {
  it.each([
    ["/0123456789abcdef/firmware.img", { digest: "0123456789abcdef", name: "firmware.img" }],
    ["/0123456789abcdef/my%20image.img?sig=1", { digest: "0123456789abcdef", name: "my image.img" }],
    ["/0123456789abcdef/..", undefined],
    ["/0123456789abcdef/%2e%2e", undefined],
    ["/0123456789abcdef/..%2f..%2fstate", undefined],
    ["/0123456789abcdef/a%00b", undefined],
    ["/0123456789abcdef/a/b", undefined],
    ["/0123456789ABCDEF/a", undefined],
    ["/../ca-key.pem", undefined],
    ["/0123456789abcdef/%E0%A4%A", undefined],
    ["/", undefined],
  ])("%s", (path, expected) => {
    expect(parseImagePath(path)).toEqual(expected);
  });
});
