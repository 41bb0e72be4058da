import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TrustFolder } from "../../../../agent/board/trust/trust-folder.ts";
import { defaultBoardConfig, type BoardConfig } from "../../../../agent/config/board-config.ts";
import type { NamedImage } from "../../../../agent/install-helper/ports.ts";
import { HelperTrustGate } from "../../../../agent/install-helper/trust-gate.ts";
import type { TrustStore } from "../../../../agent/trust/ports.ts";
import { verifyRoot } from "../../../../agent/trust/trust-root.ts";
import { daysLater, sha256, targetEntry, TufRepository, wallClock } from "../../../support/tuf-repository.ts";
import { overriding } from "../../../support/overriding.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const never = new AbortController().signal;

interface Setup {
  readonly repository: TufRepository;
  readonly trust: HelperTrustGate;
  readonly store: TrustFolder;
}

/** A board that trusts the first root of a repository, or none. */
async function setup({
  config = {},
  hasRoot = true,
  days = 1,
  store: given,
}: { config?: Partial<BoardConfig>; hasRoot?: boolean; days?: number; store?: TrustStore } = {}): Promise<Setup> {
  const folder = await temporaryFolder();
  const repository = new TufRepository({ boards: { "acme,gateway": ["1.0.0", "2.0.0"], other: ["3.0.0"] } });
  const seed = join(folder, "root.json");
  if (hasRoot) await writeFile(seed, repository.file("1.root.json"), { mode: 0o644 });
  await mkdir(join(folder, "store"));
  const store = new TrustFolder({
    folder: join(folder, "store"),
    seed,
    seedOwners: [0, process.geteuid?.() ?? 0],
    checkRoot: (root) => void verifyRoot("root.json", root),
  });
  const trust = new HelperTrustGate({
    store: given ?? store,
    readConfig: async () => ({ ...defaultBoardConfig, ...config }),
    readNames: async () => ["acme,gateway"],
    readClock: async () => wallClock(daysLater(days)),
    agentVersion: "1.2.0",
    log: () => undefined,
  });
  return { repository, trust, store };
}

function imageOf(version: string, changes: Partial<NamedImage> = {}): NamedImage {
  const bytes = Buffer.from(`image ${version}`);
  return { sha256: sha256(bytes), sizeBytes: bytes.length, version, operationId: "op-1", ...changes };
}

describe("what root's helper trusts", () => {
  it("is what the publisher has signed, in metadata that the agent passes on", async () => {
    const { repository, trust } = await setup();
    await expect(trust.admit(imageOf("2.0.0"), "release", never)).rejects.toMatchObject({ code: "metadata-missing" });
    expect(await trust.refresh(repository.files, never)).toMatchObject({ rootVersion: 1, floor: 0 });
    expect(await trust.admit(imageOf("2.0.0"), "release", never)).toMatchObject({ version: "2.0.0", epoch: 0 });
    expect(await trust.find(imageOf("1.0.0").sha256, never)).toMatchObject({ version: "1.0.0" });
    expect(await trust.refresh(new Map([["timestamp.json", repository.file("timestamp.json")]]), never)).toBeTruthy();
  });

  it.each<[string, Partial<NamedImage>, string]>([
    ["another digest", { sha256: "a".repeat(64) }, "not-signed"],
    ["another version", { version: "9.0.0" }, "not-signed"],
    ["another size", { sizeBytes: 1 }, "bad-size"],
    ["another board's image", imageOf("3.0.0"), "not-signed"],
  ])("is not %s", async (_what, changes, code) => {
    const { repository, trust } = await setup();
    await trust.refresh(repository.files, never);
    await expect(trust.admit(imageOf("2.0.0", changes), "release", never)).rejects.toMatchObject({ code });
  });

  it("is a digest without a version too: the job is called after it", async () => {
    const { repository, trust } = await setup();
    await trust.refresh(repository.files, never);
    const image = imageOf("2.0.0");
    const unnamed = { ...image, version: `sha256:${image.sha256.slice(0, 12)}` };
    expect(await trust.admit(unnamed, "release", never)).toMatchObject({ version: "2.0.0" });
  });

  it("is not an image for another installer", async () => {
    const { repository, trust } = await setup();
    await trust.refresh(repository.files, never);
    for (const installer of ["command", "none"])
      await expect(trust.admit(imageOf("2.0.0"), installer, never)).rejects.toMatchObject({ code: "wrong-installer" });
  });

  it("is nothing for an agent that says it installs by itself, where root installs releases", async () => {
    const { repository, trust } = await setup({ config: { releaseUnits: ["app.service"] } });
    const [path, entry] = targetEntry("acme,gateway", "4.0.0", { installer: "command" });
    repository.boards["acme,gateway"] = { ...repository.boards["acme,gateway"], [path]: entry };
    repository.publish();
    await trust.refresh(repository.files, never);
    await expect(trust.admit(imageOf("4.0.0"), "none", never)).rejects.toMatchObject({ code: "installer-not-allowed" });
  });

  it("is not a target below the floor, which only rises", async () => {
    const { repository, trust, store } = await setup();
    await trust.refresh(repository.files, never);
    await trust.raiseFloor(4);
    await trust.raiseFloor(2);
    expect((await store.load())?.record.floor).toBe(4);
    await expect(trust.admit(imageOf("2.0.0"), "release", never)).rejects.toMatchObject({ code: "epoch-too-low" });
  });

  it("stays what it was when metadata is refused", async () => {
    const { repository, trust } = await setup();
    await trust.refresh(repository.files, never);
    const former = new Map(repository.files);
    repository.publish();
    await trust.refresh(repository.files, never);
    await expect(trust.refresh(former, never)).rejects.toMatchObject({ code: "metadata-rollback" });
    const damaged = new Map(repository.files).set("timestamp.json", Buffer.from("{"));
    await expect(trust.refresh(damaged, never)).rejects.toMatchObject({ code: "metadata-invalid" });
    expect(await trust.admit(imageOf("2.0.0"), "release", never)).toMatchObject({ version: "2.0.0" });
  });

  it("says when nothing newer can be kept", async () => {
    const { repository, store } = await setup();
    const full = overriding<TrustStore>(store, {
      save: () => Promise.reject(Object.assign(new Error("read-only"), { code: "EROFS" })),
    });
    const { trust } = await setup({ store: full });
    await expect(trust.refresh(repository.files, never)).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringContaining("the disk is read-only (EROFS)"),
    });
  });

  it("grows old, which the owner may refuse", async () => {
    const lenient = await setup({ days: 500 });
    await lenient.trust.refresh(lenient.repository.files, never);
    expect(await lenient.trust.admit(imageOf("2.0.0"), "release", never)).toBeDefined();
    const strict = await setup({ days: 500, config: { refuseStale: true } });
    await expect(strict.trust.refresh(strict.repository.files, never)).rejects.toMatchObject({
      code: "metadata-stale",
    });
  });

  it("is nothing without a trust root, unless the owner allows unsigned images", async () => {
    const { repository, trust } = await setup({ hasRoot: false });
    expect([await trust.hasRoot(), await trust.refresh(repository.files, never)]).toEqual([false, null]);
    await expect(trust.admit(imageOf("2.0.0"), "command", never)).rejects.toMatchObject({
      code: "trust-root-missing",
      message: expect.stringContaining("boardkeeper-agent trust add"),
    });
    const open = await setup({ hasRoot: false, config: { allowUnsigned: true } });
    expect(await open.trust.admit(imageOf("2.0.0"), "command", never)).toBeUndefined();
    const both = await setup({ config: { allowUnsigned: true } });
    await both.trust.refresh(both.repository.files, never);
    await expect(
      both.trust.admit(imageOf("2.0.0", { sha256: "a".repeat(64) }), "release", never),
    ).rejects.toMatchObject({ code: "not-signed" });
  });
});
