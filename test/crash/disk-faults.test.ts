import { expect, it } from "vitest";
import { isDeep } from "../support/depth.ts";
import { needs } from "../support/needs.ts";
import { allDiskFaults, refusedDirectWrites, type DiskFault } from "./disk-fault-list.ts";
import { runDiskFaults } from "./disk-faults.ts";

/* Each way in which a refused call can come out. */
const drawn: DiskFault[] = [
  { file: "state.json.new", call: "write", error: "ENOSPC", when: "2+" },
  { file: "state.json.new", call: "fsync", error: "EIO", when: "4+" },
  { file: "state.json.new", call: "rename", error: "EROFS", when: "6+" },
  { file: "staging/DIGEST.part", call: "pwrite64", error: "ENOSPC", when: "2" },
  { file: "staging/DIGEST.part.json.new", call: "fsync", error: "EIO", when: "1+" },
  { file: "staging/DIGEST.part", call: "ftruncate", error: "EIO", when: "1" },
  { file: "history.json.new", call: "write", error: "ENOSPC", when: "1+" },
  { file: "config.last-good.json.new", call: "rename", error: "EROFS", when: "1+" },
  ...refusedDirectWrites,
];

it(
  "a disk that refuses a call of the real agent: nothing is lost, nothing is done twice, nothing is made up",
  needs("strace"),
  async () => {
    const { outcomes, missed, broken } = await runDiskFaults(drawn, 4);
    expect(broken).toStrictEqual([]);
    expect(missed).toStrictEqual([]);
    const { completed = 0, "failed: disk-error": diskErrors = 0, ...others } = outcomes;
    expect(others).toStrictEqual({ "refused: state-not-saved": 1, waits: 2, "failed: no-space": 1 });
    // A refused direct write is completed. Where the server is so slow that the write was none, the disk has refused an ordinary one.
    expect(completed + diskErrors).toBe(6);
    expect(diskErrors).toBeGreaterThanOrEqual(2);
  },
);

if (isDeep) {
  // DISK_FAULT=staging tries only those with that word.
  const faults = allDiskFaults().filter((one) => JSON.stringify(one).includes(process.env["DISK_FAULT"] ?? ""));

  it(
    "a disk that refuses any call of the real agent: nothing is lost, nothing is done twice, nothing is made up",
    needs("strace"),
    async () => {
      const { broken, ...figures } = await runDiskFaults(faults, 4);
      process.stdout.write(`disk faults: ${JSON.stringify(figures)}\n`);
      expect(broken).toStrictEqual([]);
      expect(figures.missed).toStrictEqual([]);
    },
  );
}
