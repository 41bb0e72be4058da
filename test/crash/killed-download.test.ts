import { expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import { downloadKilled } from "./killed-download.ts";

it("a download of 16 MiB that is killed ten times fetches hardly a byte twice", async () => {
  const ended = await downloadKilled(16 * 2 ** 20, { times: 10, seed: 4, link: "slow" });
  expect(ended).toMatchObject({ kills: 10, phase: "completed", version: "2.0.0" });
  expect(ended.sentBytes / ended.sizeBytes).toBeLessThanOrEqual(1.05);
  expect(ended.readBytes / ended.sizeBytes).toBeLessThanOrEqual(1.05);
});

if (isDeep) {
  it.each(["slow", "fast"] as const)(
    "a download of 256 MiB over a %s link that is killed ten times reads hardly a byte twice",
    async (link) => {
      const ended = await downloadKilled(256 * 2 ** 20, { times: 10, seed: 4, link });
      process.stdout.write(`${link}: ${JSON.stringify(ended)}\n`);
      expect(ended).toMatchObject({ kills: 10, phase: "completed", version: "2.0.0" });
      expect(ended.readBytes / ended.sizeBytes).toBeLessThanOrEqual(1.05);
    },
  );
}
