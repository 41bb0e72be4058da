import { expect, it } from "vitest";
import { downloadKilled } from "../support/kills.ts";

it("a download of 16 MiB that is killed ten times fetches hardly a byte twice", async () => {
  const { sizeBytes, sentBytes, kills, phase, version } = await downloadKilled(16 * 2 ** 20, 10, 4);
  expect({ kills, phase, version }).toStrictEqual({ kills: 10, phase: "completed", version: "2.0.0" });
  expect(sentBytes / sizeBytes).toBeLessThanOrEqual(1.05);
});
