import { expect, it } from "vitest";
import { needs } from "../support/needs.ts";
import { endure, type DiskFault } from "../support/disk-faults.ts";

/* Some of the matrix of scripts/test-deep: each way in which a refusal can come out. */
const faults: DiskFault[] = [
  { file: "state.json.new", call: "write", error: "ENOSPC", when: "2+" },
  { file: "state.json.new", call: "fsync", error: "EIO", when: "4+" },
  { file: "state.json.new", call: "rename", error: "EROFS", when: "6+" },
  { file: "staging/DIGEST.part", call: "pwrite64", error: "ENOSPC", when: "2" },
  { file: "staging/DIGEST.part.json.new", call: "fsync", error: "EIO", when: "1+" },
  { file: "staging/DIGEST.part", call: "ftruncate", error: "EIO", when: "1" },
  { file: "history.json.new", call: "write", error: "ENOSPC", when: "1+" },
  { file: "config.last-good.json.new", call: "rename", error: "EROFS", when: "1+" },
];

it(
  "a disk that refuses a call of the real agent: nothing is lost, nothing is done twice, nothing is made up",
  needs("strace"),
  async () => {
    const { outcomes, missed, broken } = await endure(faults, 4);
    expect(broken).toStrictEqual([]);
    expect(missed).toStrictEqual([]);
    expect(outcomes).toStrictEqual({
      "refused: state-not-saved": 1,
      waits: 2,
      "failed: no-space": 1,
      "failed: disk-error": 2,
      completed: 2,
    });
  },
);
