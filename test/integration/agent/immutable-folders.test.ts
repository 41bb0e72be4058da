import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { ChecksummedStateFile } from "../../../agent/board/fs/state-file.ts";
import { FilePartialStore } from "../../../agent/board/image/partial-store.ts";
import { StagingFolder } from "../../../agent/board/image/staging.ts";
import { describeDiskError } from "../../../agent/lib/disk-errors.ts";
import { initialState } from "../../../agent/operations/agent-state.ts";
import { needs } from "../../support/needs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/* What chattr +i really does to the agent's folders, on the file system of this machine: root may not write there either. */

const digest = "a".repeat(64);
const never = new AbortController().signal;
const advice = "chattr -i";

async function immutable(path: string): Promise<void> {
  await promisify(execFile)("chattr", ["+i", path]);
  onTestFinished(() => promisify(execFile)("chattr", ["-i", path]).then(() => undefined));
}

it("an immutable staging folder is named when an image is to arrive", needs("immutable files"), async () => {
  const folder = await temporaryFolder();
  const staging = new StagingFolder(folder, 0);
  await immutable(folder);
  const path = await staging.partialPath(digest);
  await expect(new FilePartialStore("boot-1", { nowMs: () => 0 }).open(path, "op-1", never)).rejects.toMatchObject({
    code: "disk-error",
    message: expect.stringMatching(new RegExp(`${folder}.*${advice}`)) as string,
  });
});

it("so is one that becomes it before the image is staged", needs("immutable files"), async () => {
  const folder = await temporaryFolder();
  const staging = new StagingFolder(folder, 0);
  const partial = await new FilePartialStore("boot-1", { nowMs: () => 0 }).open(
    await staging.partialPath(digest),
    "op-1",
    never,
  );
  await partial.append(Buffer.from("x"));
  await partial.close();
  await immutable(folder);
  await expect(staging.promote(digest)).rejects.toMatchObject({
    code: "disk-error",
    message: expect.stringMatching(new RegExp(`${folder}.*${advice}`)) as string,
  });
});

it("so is a partial image that is immutable itself", needs("immutable files"), async () => {
  const path = join(await temporaryFolder(), `${digest}.part`);
  await writeFile(path, "x");
  await immutable(path);
  await expect(new FilePartialStore("boot-1", { nowMs: () => 0 }).open(path, "op-1", never)).rejects.toMatchObject({
    code: "disk-error",
    message: expect.stringContaining(advice) as string,
  });
});

const places: [what: string, pathOf: (folder: string) => string][] = [
  ["an immutable state folder", (folder) => folder],
  ["an immutable state file", (folder) => join(folder, "state.json")],
];

it.each(places)(
  "%s: the state is not saved, it is still read, and the words say why",
  needs("immutable files"),
  async (_what, pathOf) => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(initialState("boot-1"));
    await immutable(pathOf(folder));
    const refused: unknown = await file.save({ ...initialState("boot-1"), seq: 1 }).catch((cause: unknown) => cause);
    expect(describeDiskError(refused)).toMatch(/it is immutable or append-only \(see lsattr, chattr -i\)/);
    expect((await new ChecksummedStateFile(folder).load()).saved).toMatchObject({ seq: 0 });
  },
);
