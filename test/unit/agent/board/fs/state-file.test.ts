import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { ChecksummedStateFile } from "../../../../../agent/board/fs/state-file.ts";
import { BootCounterFile } from "../../../../../agent/board/fs/boot-counter-file.ts";
import { canonicalJson } from "../../../../../agent/contract/json.ts";
import { stateFileNames } from "../../../../../agent/config/paths.ts";
import { initialState, type AgentState } from "../../../../../agent/operations/agent-state.ts";
import { MemoryDisk } from "../../../../support/memory-disk.ts";
import { overriding } from "../../../../support/overriding.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { specialFiles } from "../../../../support/special-files.ts";
import { jobWith, states } from "../../../../support/updates.ts";

const at = (seq: number, changes: Partial<AgentState> = {}): AgentState => ({
  ...initialState("boot-1"),
  seq,
  ...changes,
});

describe("the state file", () => {
  it("is blank where nothing was saved", async () => {
    const file = new ChecksummedStateFile(join(await temporaryFolder(), "new"));
    expect(await file.load()).toStrictEqual({ saved: undefined, loadQuality: "latest", problems: [] });
  });

  it.each(Object.values(states(jobWith({ sizeBytes: 5 }))))("reads back what it saved: $phase", async (update) => {
    const file = new ChecksummedStateFile(await temporaryFolder());
    const saved = at(1, {
      update,
      handledDesired: { identity: "b".repeat(64), desiredVersion: 3, refused: { code: "bad-request", message: "…" } },
      operations: [{ operationId: "op-1", method: "rebootDevice", status: 200, payload: { Response: "…", more: [1] } }],
      lastProven: { operationId: "op-0", version: "1.0.0", sha256: "c".repeat(64), at: "2026-01-02T03:00:00.000Z" },
    });
    await file.load();
    await file.save(saved);
    expect(await file.load()).toStrictEqual({ saved, loadQuality: "latest", problems: [] });
  });

  it.each(specialFiles)("names %s in its place, and in that of what replaces it", async (what, make) => {
    const folder = await temporaryFolder();
    const path = join(folder, stateFileNames.state);
    await make(path);
    const file = new ChecksummedStateFile(folder);
    expect((await file.load()).problems).toContain(`${path}: ${path} is ${what}, not a file`);
    await rm(path, { recursive: true });
    await make(`${path}.new`);
    await expect(nodeDisk.create(`${path}.new`, 0o600)).rejects.toThrow(`${path}.new is ${what}, not a file`);
  });

  it("is for its owner alone", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    expect((await stat(join(folder, "state.json"))).mode & 0o777).toBe(0o600);
  });

  it.each<[string, string]>([
    ["torn", '{"checksum":"'],
    ["empty", ""],
    ["foreign", '{"hello":1}'],
    ["changed by hand", `{"checksum":"${"0".repeat(64)}","saved":${JSON.stringify(at(9))}}`],
    ["of NULs", "\0".repeat(100)],
  ])("falls back to the copy before when it is %s, and says so", async (_what, content) => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    await file.save(at(2));
    await writeFile(join(folder, "state.json"), content);
    const found = await file.load();
    expect(found).toMatchObject({ saved: { seq: 1 }, loadQuality: "older" });
    expect(found.problems).toHaveLength(1);
    expect(found.problems[0]).toContain("state.json");
  });

  it.each(["EPERM", "EOPNOTSUPP", "ENOSYS"])(
    "keeps a copy of its own where a file has one name only: %s",
    async (code) => {
      const folder = await temporaryFolder();
      const disk = overriding(nodeDisk, { link: () => Promise.reject(Object.assign(new Error("no links"), { code })) });
      const file = new ChecksummedStateFile(folder, disk);
      for (const seq of [1, 2, 3]) await file.save(at(seq));
      expect((await readdir(folder)).sort()).toStrictEqual(["state.json", "state.previous.json"]);
      await writeFile(join(folder, "state.json"), "{");
      expect(await file.load()).toMatchObject({ saved: at(2), loadQuality: "older" });
    },
  );

  it("keeps the copy before while the damaged one cannot be replaced", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    await file.save(at(2));
    await writeFile(join(folder, "state.json"), "{");
    await file.load();
    await mkdir(join(folder, "state.json.new")); // In the way of the next save.
    await expect(file.save(at(3))).rejects.toThrow("is a folder, not a file");
    expect((await new ChecksummedStateFile(folder).load()).saved).toMatchObject({ seq: 1 });
  });

  it("never writes what could not be read back", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    const { proving } = states();
    const update = { ...proving, before: { version: "1.0.0\nbuilt today", linkUp: true } };
    await expect(file.save(at(2, { update }))).rejects.toThrow("before.version");
    expect((await file.load()).saved).toMatchObject({ seq: 1 });
  });

  it.each([
    ["once", 1, { loadQuality: "latest", seq: 2, problems: 0 }],
    ["each time", 3, { loadQuality: "older", seq: 1, problems: 1 }],
  ])("reads again where the disk fails to read the last copy %s", async (_often, refusals, found) => {
    const folder = await temporaryFolder();
    const saving = new ChecksummedStateFile(folder);
    await saving.load();
    for (const seq of [1, 2]) await saving.save(at(seq));
    let [refused, pauses] = [0, 0];
    const disk = overriding(nodeDisk, {
      read: async (path: string) => {
        if (!path.endsWith("state.json") || refused === refusals) return await nodeDisk.read(path);
        refused += 1;
        throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
      },
    });
    const file = new ChecksummedStateFile(folder, disk, () => {
      pauses += 1;
      return Promise.resolve();
    });
    const { saved, loadQuality, problems } = await file.load();
    expect({ loadQuality, seq: saved?.seq, problems: problems.length }).toStrictEqual(found);
    expect([refused, pauses]).toStrictEqual([refusals, Math.min(refusals, 2)]);
  });

  it("begins anew when both copies are damaged, and says so", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    await file.save(at(2));
    await writeFile(join(folder, "state.json"), "x");
    await writeFile(join(folder, "state.previous.json"), "x");
    const found = await file.load();
    expect(found).toMatchObject({ saved: undefined, loadQuality: "older" });
    expect(found.problems).toHaveLength(2);
  });

  it("reads no state of a newer release, but the one before, and says so", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    await file.save(at(2));
    const body = canonicalJson({ ...at(3), schema: 2, slots: {} });
    const checksum = createHash("sha256").update(body).digest("hex");
    const newer = `{"checksum":"${checksum}","saved":${body}}`;
    await writeFile(join(folder, "state.json"), newer);
    const why = `${join(folder, "state.json")}: schema: 2 is of a newer release than this one, which reads 1`;
    expect(await file.load()).toMatchObject({ saved: { seq: 1 }, loadQuality: "older", problems: [why] });
    await writeFile(join(folder, "state.previous.json"), newer);
    expect(await file.load()).toMatchObject({
      saved: undefined,
      loadQuality: "older",
      problems: [why, expect.anything()],
    });
  });

  it("says that the last copy is gone where only the one before is there", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    await file.save(at(1));
    await file.save(at(2));
    await rm(join(folder, "state.json"));
    const problems = [`${join(folder, "state.json")}: is gone`];
    expect(await file.load()).toMatchObject({ saved: { seq: 1 }, loadQuality: "older", problems });
  });

  it.each([
    ["EIO", "the disk fails when it is read (EIO)"],
    ["EACCES", "this user has no permission for it (EACCES)"],
  ])("uses the copy before where the last cannot be read (%s)", async (code, words) => {
    const disk = new MemoryDisk();
    const file = new ChecksummedStateFile("/state", disk);
    await file.save(at(1));
    await file.save(at(2));
    const failing = overriding(disk, {
      read: async (path) => {
        if (path.endsWith("state.json")) throw Object.assign(new Error(code), { code });
        return await disk.read(path);
      },
    });
    const found = await new ChecksummedStateFile("/state", failing).load();
    expect(found).toMatchObject({ saved: { seq: 1 }, loadQuality: "older", problems: [`/state/state.json: ${words}`] });
  });

  it("reads a state of which the disk does not say that it stays, and says so", async () => {
    const disk = new MemoryDisk();
    await new ChecksummedStateFile("/state", disk).save(at(1));
    const failing = overriding(disk, {
      syncFolder: () => Promise.reject(Object.assign(new Error("EIO: fsync"), { code: "EIO" })),
    });
    const found = await new ChecksummedStateFile("/state", failing).load();
    expect(found).toMatchObject({
      saved: { seq: 1 },
      loadQuality: "unsynced",
      problems: ["/state: the disk fails (EIO). Replace it."],
    });
  });

  it("leaves no other files", async () => {
    const folder = await temporaryFolder();
    const file = new ChecksummedStateFile(folder);
    for (let seq = 1; seq <= 5; seq += 1) await file.save(at(seq));
    expect((await readdir(folder)).sort()).toStrictEqual(["state.json", "state.previous.json"]);
  });
});

describe("the trial record", () => {
  it("counts in a form that never changes", async () => {
    const folder = await temporaryFolder();
    const record = new BootCounterFile(folder);
    expect(await record.read()).toBe(0);
    await record.write(7);
    expect(await readFile(join(folder, "trials"), "utf8")).toBe("trials 007\n");
    expect(await record.read()).toBe(7);
    await record.write(5_000);
    expect(await record.read()).toBe(999);
  });

  it("counts high when it is damaged, so that no more trials are made", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "trials"), "trials");
    expect(await new BootCounterFile(folder).read()).toBe(999);
  });
});
