import { expect, it } from "vitest";
import { allDiskFaults, endure } from "../support/disk-faults.ts";

// Once, at its first or a later time, and for good from then on. DISK_FAULT=staging looks only at those with that word.
const faults = allDiskFaults(["1", "3", "1+", "4+"]).filter((one) =>
  JSON.stringify(one).includes(process.env["DISK_FAULT"] ?? ""),
);

it("a disk that refuses any call of the real agent: nothing is lost, nothing is done twice, nothing is made up", async () => {
  const { broken, ...figures } = await endure(faults, 4);
  process.stdout.write(`disk faults: ${JSON.stringify(figures)}\n`);
  expect(broken).toStrictEqual([]);
});
