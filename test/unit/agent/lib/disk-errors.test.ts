import { expect, it } from "vitest";
import { describeDiskError, isDiskFull } from "../../../../agent/lib/disk-errors.ts";

const error = (code: string): Error => Object.assign(new Error(`${code}: refused`), { code });

it.each([
  ["ENOSPC", "the disk is full (ENOSPC). Free some space on it."],
  ["EDQUOT", "the disk is full (EDQUOT). Free some space on it."],
  ["EIO", "the disk fails (EIO). Replace it."],
  ["EACCES", "the agent may not write there (EACCES). Correct the owner and the permissions of its folder."],
  [
    "EPERM",
    "it is immutable or append-only (see lsattr, chattr -i), or belongs to somebody else (EPERM). Correct that.",
  ],
  [
    "ENOENT",
    "the folder was removed, or its disk was unmounted (ENOENT). Mount it again, or restart the agent to make the folder anew.",
  ],
  ["EISDIR", "something else lies where the file or its folder should be (EISDIR: refused). Remove that."],
  [
    "ERR_FS_EISDIR",
    "something else lies where the file or its folder should be (ERR_FS_EISDIR: refused). Remove that.",
  ],
  ["EBUSY", "EBUSY: refused. Check the disk."],
])("says what %s means and what to do", (code, sentence) => {
  expect(describeDiskError(error(code))).toBe(sentence);
});

it("says of a read-only disk that a moved folder must be opened to the service", () => {
  expect(describeDiskError(error("EROFS"))).toContain("ReadWritePaths=");
});

it("only a file system without room is full", () => {
  expect([isDiskFull(error("ENOSPC")), isDiskFull(error("EIO")), isDiskFull("ENOSPC")]).toEqual([true, false, false]);
});
