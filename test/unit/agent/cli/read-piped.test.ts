import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { readPiped } from "../../../../agent/cli/read-piped.ts";

it("a text in pieces, and none, are read", async () => {
  expect(
    await readPiped(Readable.from([Buffer.from("HostName=\u00e4").subarray(0, 10), Buffer.from("\u00e4").subarray(1)])),
  ).toBe("HostName=\u00e4");
  expect(await readPiped(Readable.from([]))).toBe("");
});

it("a source that never ends is refused, and closed", async () => {
  const zero = createReadStream("/dev/zero");
  await expect(readPiped(zero)).rejects.toThrow("more than 65536 bytes: it is not what this command reads");
  expect(zero.destroyed).toBe(true);
});

it("one byte too many is refused", async () => {
  await expect(readPiped(Readable.from(["x".repeat(65_536), "x"]))).rejects.toThrow("Nothing was changed");
  expect(await readPiped(Readable.from(["x".repeat(65_536)]))).toHaveLength(65_536);
});
