import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HelperBusy, withHelperLock } from "../../../../../agent/board/systemd/helper-lock.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

it("holds the lock of root's helper while something is done, and gives it back", async () => {
  const lock = join(await temporaryFolder(), "boardkeeper-install", "lock");
  const found = await withHelperLock(lock, 0, async () => {
    await expect(withHelperLock(lock, 0, () => Promise.resolve())).rejects.toThrow(HelperBusy);
    return "done";
  });
  expect(found).toBe("done");
  await expect(withHelperLock(lock, 0, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withHelperLock(lock, 0, () => Promise.resolve("again"))).toBe("again");
});

it("waits for no helper that is at work", async () => {
  const lock = join(await temporaryFolder(), "lock");
  const helper = spawn("flock", [lock, "sh", "-c", "echo locked; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  await once(helper.stdout, "data");
  const refused = withHelperLock(lock, 0, () => Promise.reject(new Error("It must not be done.")));
  await expect(refused).rejects.toThrow("boardkeeper-agent status");
  helper.stdin.end();
  await once(helper, "close");
});

it("tells a lock that cannot be taken from one that another holds", async () => {
  const folder = await temporaryFolder();
  await expect(withHelperLock(folder, 0, () => Promise.resolve())).rejects.toThrow(`${folder} is a folder, not a file`);
});
