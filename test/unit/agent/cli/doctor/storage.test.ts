import { describe, expect, it } from "vitest";
import {
  checkDisk,
  checkFolder,
  isBlockedBySandbox,
  stagingFolder,
  stateFolder,
} from "../../../../../agent/cli/doctor/storage.ts";
import { describeFinding } from "../../../../support/findings.ts";

describe("disk and state folder", () => {
  const disk = { path: "/s", freeBytes: 1e9, freeFiles: 9 };
  it.each([
    [disk, "ok: 953.7 MiB free under /s"],
    [{ ...disk, freeFiles: null }, "ok"],
    [{ ...disk, freeBytes: 0 }, "fault: the disk under /s is full: 0 B free"],
    [{ ...disk, freeFiles: 0 }, "fault: the disk under /s has space, but no free inode"],
    [{ ...disk, freeBytes: 1_000_000 }, "warning: 976.6 KiB free under /s, and 64.0 MiB must stay free"],
  ])("%j", (facts, expected) => expect(describeFinding(checkDisk(facts, 2 ** 26))).toContain(expected));

  it.each<[string | null, string]>([
    [null, "ok: /s, writable by keeper"],
    ["EROFS", "fault: /s is on a file system that is mounted read-only"],
    ["EACCES", "fault: keeper may not write in /s"],
    ["ENOSPC", "fault: nothing can be written in /s: the disk is full"],
    ["EIO", "fault: writing in /s fails (EIO)"],
    ["ENOTDIR", "fault: /s cannot be used (ENOTDIR)"],
  ])("%s", (code, expected) => {
    const facts = { path: "/s", user: "keeper", exists: true, code };
    expect(describeFinding(checkFolder(facts, stateFolder, false))).toContain(expected);
  });

  it("advises how to open a moved folder to the service", () => {
    const facts = { path: "/media/usb/images", user: "keeper", exists: true, code: null };
    const finding = checkFolder(facts, stagingFolder, true);
    expect(finding).toMatchObject({ check: "staging folder", level: "fault" });
    expect(finding.what).toContain("the sandbox of boardkeeper-agent.service does not allow it");
    expect(finding.advice).toContain("ReadWritePaths=/media/usb/images");
    expect(finding.advice).toContain("daemon-reload");
  });

  it.each([
    ["/var/lib/boardkeeper", "strict", "-/run/boardkeeper/requests", false],
    ["/var/lib/boardkeeper/staging", "strict", "", false],
    ["/var/lib/boardkeeper-of-another", "strict", "", true],
    ["/media/usb/images", "strict", "-/run/boardkeeper/requests", true],
    ["/media/usb/images", "strict", "-/run/boardkeeper/requests /media/usb/", false],
    ["/media/usb/images", "strict", "+/media/usb/images", false],
    ["/media/usb/images", "no", "", false],
  ])("%s, with ProtectSystem=%s and ReadWritePaths=%s", (path, protect, paths, expected) => {
    const unit = new Map([
      ["ProtectSystem", protect],
      ["ReadWritePaths", paths],
      ["StateDirectory", "boardkeeper"],
    ]);
    expect(isBlockedBySandbox(path, unit)).toBe(expected);
  });
});
