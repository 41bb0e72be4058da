import { expect, it } from "vitest";
import { allDiskFaults, endure } from "../support/disk-faults.ts";

// DISK_FAULT=staging looks only at those with that word.
const faults = allDiskFaults().filter((one) => JSON.stringify(one).includes(process.env["DISK_FAULT"] ?? ""));

it("a disk that refuses any call of the real agent: nothing is lost, nothing is done twice, nothing is made up", async () => {
  const { broken, ...figures } = await endure(faults, 4);
  process.stdout.write(`disk faults: ${JSON.stringify(figures)}\n`);
  expect(broken).toStrictEqual([]);
  expect(figures.missed).toStrictEqual([]);
});
