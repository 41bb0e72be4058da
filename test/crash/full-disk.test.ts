import { spawnSync } from "node:child_process";
import { open, mkdir, rm, truncate, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { isDiskFull } from "../../agent/lib/disk-errors.ts";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { DiskReserveFile } from "../../agent/board/fs/reserve-file.ts";
import { ReleaseFolder } from "../../agent/install-helper/installers/release/folder.ts";
import { Alerts } from "../../agent/lib/alerts.ts";
import { DiskReserve } from "../../agent/state/disk-reserve.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import { run, scratchFolder } from "./power-cuts/record.ts";
import { FakeTime } from "../support/fake-time.ts";
import { fakeRuntime } from "../support/fake-runtime.ts";

const saves = 100;

/** A file system of 16 MiB for a state folder; as root, for whom a larger one would keep room back. */
async function smallDisk(): Promise<string> {
  const folder = await scratchFolder();
  const [image, mountPoint] = [join(folder, "disk.img"), join(folder, "mnt")];
  await writeFile(image, "");
  await truncate(image, 16 * 2 ** 20);
  await run("mkfs.ext4", ["-q", "-m", "0", "-N", "64", image]);
  await mkdir(mountPoint);
  await run("mount", ["-t", "ext4", "-o", "loop", image, mountPoint]);
  onTestFinished(async () => void (await run("umount", [mountPoint])));
  return mountPoint;
}

/** Takes whatever is left: each inode, and each byte. */
async function fill(folder: string): Promise<void> {
  const filler = await open(join(folder, "filler"), "w");
  await untilFull(async (number) => await writeFile(join(folder, `empty-${number}`), ""));
  for (const bytes of [2 ** 20, 4_096, 1]) await untilFull(async () => await writeAll(filler, Buffer.alloc(bytes)));
  await filler.sync();
  await filler.close();
}

async function writeAll(file: FileHandle, content: Buffer): Promise<void> {
  const { bytesWritten } = await file.write(content);
  if (bytesWritten < content.length) throw Object.assign(new Error("only a part"), { code: "ENOSPC" });
}

async function untilFull(take: (number: number) => Promise<void>): Promise<void> {
  for (let number = 0; ; number += 1) {
    try {
      await take(number);
    } catch (cause) {
      if (isDiskFull(cause)) return;
      throw cause;
    }
  }
}

/** A state of 6 to 35 KB, ever larger. */
function stateOf(number: number): AgentState {
  const payload = { Response: "x".repeat(100 + Math.round((900 * number) / saves)) };
  const operations = Array.from({ length: 32 }, (_one, index) => ({
    operationId: `op-${index}`,
    method: "rebootDevice",
    status: 200,
    payload,
  }));
  return { ...initialState("boot-1"), seq: number, operations };
}

async function countSaved(save: (saved: AgentState) => Promise<void>): Promise<number> {
  let saved = 0;
  for (let number = 2; number <= saves + 1; number += 1) {
    await save(stateOf(number)).then(
      () => (saved += 1),
      (cause: unknown) => {
        if (!isDiskFull(cause)) throw cause;
      },
    );
  }
  return saved;
}

it("a disk that is full to the last byte and the last inode takes no state without the reserve, and every one with it", async () => {
  const without = await smallDisk();
  const lone = new ChecksummedStateFile(without);
  await lone.save(stateOf(1));
  await fill(without);
  expect(await countSaved((saved) => lone.save(saved))).toBe(0);
  expect((await new ChecksummedStateFile(without).load()).saved).toStrictEqual(stateOf(1));

  const folder = await smallDisk();
  const file = new ChecksummedStateFile(folder);
  const [time, alerts, stop] = [new FakeTime(), new Alerts([]), new AbortController()];
  onTestFinished(() => stop.abort());
  const ports = { ...fakeRuntime({ time }), reserve: new DiskReserveFile(folder), alerts, stopping: stop.signal };
  const reserved = new DiskReserve(ports);
  await reserved.start();
  await file.save(stateOf(1));
  await fill(folder);
  expect(await countSaved((saved) => reserved.withReserve(() => file.save(saved)))).toBe(saves);
  expect(await new ChecksummedStateFile(folder).load()).toMatchObject({ saved: stateOf(saves + 1), problems: [] });
  expect(alerts.messages).toStrictEqual([expect.stringContaining("the disk is full (ENOSPC)")]);

  const isBack = new Promise<void>((resolve) => alerts.onChange(resolve));
  await rm(join(folder, "filler"));
  await time.advance(60_000);
  await isBack;
  expect(alerts.messages).toStrictEqual([]);
});

/** The releases 1 and 2 on a small disk, of which the second runs on trial. */
async function releasesOnTrial(): Promise<{
  disk: string;
  folder: ReleaseFolder;
  boot: (bootId: string) => number | null;
}> {
  const disk = await smallDisk();
  const folder = new ReleaseFolder(disk);
  for (const version of ["1", "2"]) await mkdir(join(disk, "releases", version), { recursive: true });
  await folder.switchTo("1");
  await folder.prepareBack("1");
  await folder.writeTrial({ operationId: "op-1", version: "2", before: "1", bootId: "b-0", boots: 0 });
  await folder.switchTo("2");
  const boot = (bootId: string): number | null => {
    const env = { ...process.env, BOARDKEEPER_RELEASES: disk, BOARDKEEPER_BOOT_ID: bootId };
    return spawnSync("systemd/libexec/release-boot", { env, encoding: "utf8" }).status;
  };
  return { disk, folder, boot };
}

it("a release that fills the disk to the last byte and the last inode is counted, and left", async () => {
  const { disk, folder, boot } = await releasesOnTrial();
  await fill(disk);
  for (const [boots, bootId] of ["b-0", "b-1", "b-2"].entries()) {
    expect(boot(bootId)).toBe(0);
    expect(await folder.readTrial()).toMatchObject({ bootId, boots });
    expect(await folder.current()).toBe("2");
  }
  expect(boot("b-3")).toBe(0);
  expect(await folder.current()).toBe("1");
  expect(await folder.readFallenBack()).toMatchObject({ operationId: "op-1", boots: 3 });
});

it("root's helper goes back on a full disk, also when it was interrupted", async () => {
  const { disk, folder } = await releasesOnTrial();
  await fill(disk);
  for (let call = 0; call < 2; call += 1) {
    await folder.switchBack("1");
    expect(await folder.current()).toBe("1");
  }
  await folder.removeTrial();
  expect(await folder.readTrial()).toBeUndefined();
});

it("a release on a disk that is read-only for a while is counted again after that", async () => {
  const { disk, folder, boot } = await releasesOnTrial();
  await run("mount", ["-o", "remount,ro", disk]);
  expect(boot("b-1")).toBe(1);
  expect(await folder.current()).toBe("2");
  await run("mount", ["-o", "remount,rw", disk]);
  for (const bootId of ["b-2", "b-3"]) expect(boot(bootId)).toBe(0);
  expect(await folder.readTrial()).toMatchObject({ boots: 2 });
  expect(boot("b-4")).toBe(0);
  expect(await folder.current()).toBe("1");
});
