import { expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import { downloadKilled } from "./killed-download.ts";

it("a download of 16 MiB that is killed ten times fetches hardly a byte twice", async () => {
  const ended = await downloadKilled(16 * 2 ** 20, { times: 10, seed: 4, link: "slow" });
  expect(ended).toMatchObject({ kills: 10, phase: "completed", version: "2.0.0" });
  expect(ended.sentBytes / ended.sizeBytes).toBeLessThanOrEqual(1.05);
  expect(ended.readBytes / ended.sizeBytes).toBeLessThanOrEqual(1.05);
});

it("a fast download on a disk that refuses direct writes is whole after a kill", async () => {
  const ended = await downloadKilled(8 * 2 ** 20, { times: 1, seed: 4, link: "bursts", refusesDirectWrites: true });
  expect(ended).toMatchObject({ kills: 1, phase: "completed", version: "2.0.0" });
  expect(ended.readBytes - ended.sizeBytes).toBeLessThanOrEqual(2.4 * 2 ** 20); // Two pieces, and what TLS and the hub said.
});

if (isDeep) {
  it.each([
    ["slow", "takes", false],
    ["fast", "takes", false],
    ["bursts", "refuses", true],
  ] as const)(
    "a download of 256 MiB over a %s link, on a disk that %s direct writes, that is killed ten times reads hardly a byte twice",
    async (link, does, refusesDirectWrites) => {
      const ended = await downloadKilled(256 * 2 ** 20, { times: 10, seed: 4, link, refusesDirectWrites });
      process.stdout.write(`${link}, a disk that ${does} direct writes: ${JSON.stringify(ended)}\n`);
      expect(ended).toMatchObject({ kills: 10, phase: "completed", version: "2.0.0" });
      expect(ended.readBytes / ended.sizeBytes).toBeLessThanOrEqual(1.05);
    },
  );
}
