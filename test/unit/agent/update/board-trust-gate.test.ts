import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import type { TrustRecord } from "../../../../agent/trust/ports.ts";
import * as verifier from "../../../../agent/trust/cached-metadata.ts";
import { BoardTrustGate, type BoardTrustGatePorts } from "../../../../agent/update/board-trust-gate.ts";
import type { BoardTrust } from "../../../../agent/update/trust-status.ts";
import type { WantedImage } from "../../../../agent/update/image-name.ts";
import type { UpdateDelay } from "../../../../agent/update/update-snapshot.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { MemoryMetadataCache } from "../../../support/memory-metadata-cache.ts";
import { daysLater, newRecord, publishedAt, sha256, testKey, TufRepository } from "../../../support/tuf-repository.ts";

const board = "acme,gateway";
const address = "https://images.example/repository";
const digest = sha256(Buffer.from("image 1.0.0"));
const wanted: WantedImage = { version: "1.0.0", sha256: null, sizeBytes: null };
const lost = new AgentError("unreachable", "The server could not be reached.");
const noSignal = new AbortController().signal;

interface SetupOptions extends Partial<BoardTrustGatePorts> {
  readonly trust?: Partial<BoardTrust>;
  readonly hasRoot?: boolean;
}

async function setup({ trust = {}, hasRoot = true, ...ports }: SetupOptions = {}) {
  const publisher = new TufRepository();
  const time = new FakeTime(publishedAt.toISOString());
  const cache = new MemoryMetadataCache();
  const loads: string[] = [];
  /** What root's files say. */
  const files: { record: TrustRecord; problem?: AgentError } = { record: newRecord };
  /** What the repository's server does instead of answering. */
  const server: { failure?: AgentError | undefined; fileMs?: number } = {};
  const metadata = publisher.seed();
  const gate = new BoardTrustGate({
    ...fakeRuntime({ time }),
    readBoard: async () => {
      if (files.problem !== undefined) throw files.problem;
      const loaded = { metadata, record: files.record, problems: [], remade: null };
      const own = { allowUnsigned: false, refuseStale: false, names: [board] };
      return { ...own, loaded: hasRoot ? loaded : undefined, ...trust };
    },
    verifier: async () => {
      loads.push("verifier");
      return verifier;
    },
    cache,
    repository: {
      address,
      source: {
        read: async (name) => {
          if (server.failure !== undefined) throw server.failure;
          if (server.fileMs !== undefined) await time.after(server.fileMs);
          return await publisher.read(name);
        },
      },
    },
    simulated: false,
    agentVersion: "0.2.0",
    installer: "release",
    ...ports,
  });
  await gate.readStatus();
  const delays: (UpdateDelay | null)[] = [];
  const resolve = async (image = wanted): Promise<unknown> => {
    const result = gate.resolve(image, (delay) => delays.push(delay), noSignal).catch((cause: unknown) => cause);
    await time.advance(10 * 60_000);
    return await result;
  };
  return { gate, publisher, time, cache, loads, files, server, delays, resolve };
}

const found = {
  version: "1.0.0",
  sha256: digest,
  sizeBytes: 11,
  epoch: 0,
  uri: `${address}/targets/acme%2Cgateway/${digest}.${digest}.app.tar`,
};

describe("a board without a trust root", () => {
  it.each<[rule: string, options: SetupOptions]>([
    ["nothing", {}],
    ["digest", { trust: { allowUnsigned: true } }],
    ["digest", { simulated: true }],
  ])("installs by %s, and never loads the verifier", async (rule, options) => {
    const { gate, loads } = await setup({ hasRoot: false, ...options });
    expect(gate.status).toMatchObject({ rule, rootVersion: null, expires: null, compatible: [board] });
    expect(gate.refusal(wanted)).toBeUndefined();
    expect(loads).toStrictEqual([]);
  });
});

describe("a board with a trust root", () => {
  it("says whom it trusts before it has read a repository", async () => {
    const { gate } = await setup();
    expect(gate.status).toStrictEqual({
      rule: "signed",
      rootVersion: 1,
      expires: "2037-03-01T12:00:00.000Z",
      unsignedAllowed: false,
      compatible: [board],
      alerts: [],
    });
  });

  it("finds an image by its version, by its digest, and by both", async () => {
    const { resolve } = await setup();
    expect(await resolve()).toStrictEqual(found);
    expect(await resolve({ version: null, sha256: digest, sizeBytes: null })).toStrictEqual(found);
    expect(await resolve({ version: "1.0.0", sha256: digest, sizeBytes: null })).toStrictEqual(found);
  });

  it.each<[code: string, image: WantedImage]>([
    ["version-not-published", { ...wanted, version: "9.0.0" }],
    ["not-signed", { version: null, sha256: "b".repeat(64), sizeBytes: null }],
    ["not-signed", { version: "2.0.0", sha256: digest, sizeBytes: null }],
  ])("refuses with %s what is not signed like this", async (code, image) => {
    const { gate, resolve } = await setup();
    expect(gate.refusal(image)).toBeUndefined();
    expect(await resolve(image)).toMatchObject({ code });
  });

  it("keeps what it has read, for root's helper and for a day without a network", async () => {
    const { gate, server, resolve, delays } = await setup();
    await resolve();
    const names = (await gate.metadataForHelper()).map(({ name }) => name).sort();
    const roles = [board, "root", "snapshot", "targets"].map((role) => `1.${role}.json`);
    expect(names).toStrictEqual([...roles, "timestamp.json"]);
    server.failure = lost;
    expect(await resolve()).toStrictEqual(found);
    expect(delays.filter((delay) => delay !== null)).toStrictEqual([{ code: "unreachable", message: lost.message }]);
    expect(delays.at(-1)).toBeNull();
  });

  it("has what the disk has not taken in memory, for root's helper too", async () => {
    const { gate, cache, resolve } = await setup();
    cache.refusal = Object.assign(new Error("no space"), { code: "ENOSPC" });
    expect(await resolve()).toStrictEqual(found);
    expect((await gate.metadataForHelper()).map(({ name }) => name)).toContain("timestamp.json");
    cache.refusal = undefined;
    await resolve();
    expect([...cache.files.keys()]).toContain("timestamp.json");
  });

  it("tries again while the repository cannot be reached and nothing is known, and then ends with the reason", async () => {
    const { server, resolve, delays } = await setup();
    server.failure = lost;
    expect(await resolve()).toBe(lost);
    expect(delays).toHaveLength(6);
  });

  it("goes on as soon as the repository answers", async () => {
    const { gate, server, time } = await setup();
    server.failure = lost;
    const result = gate.resolve(wanted, () => undefined, noSignal);
    await time.advance(1_000);
    server.failure = undefined;
    await time.advance(60_000);
    expect(await result).toStrictEqual(found);
  });

  it("goes on where a slow server's time was over, with the roots that were verified", async () => {
    const { publisher, server, resolve, delays } = await setup();
    for (let version = 2; version <= 12; version += 1) publisher.writeRoot({});
    server.fileMs = 19_000;
    expect(await resolve()).toStrictEqual(found);
    expect(delays.map((delay) => delay?.code)).toStrictEqual(["unreachable", "unreachable", undefined]);
    expect(publisher.reads.filter((name) => name === "2.root.json")).toHaveLength(1);
  });

  it("stops when it is told to", async () => {
    const { gate, server, time } = await setup();
    server.failure = lost;
    const stopping = new AbortController();
    const result = gate.resolve(wanted, () => undefined, stopping.signal).catch(() => "stopped");
    await time.advance(1_000);
    stopping.abort();
    expect(await result).toBe("stopped");
    expect(time.sleepers).toBe(0);
  });

  it("does not ask again what no retry mends: a signature of somebody else", async () => {
    const { publisher, resolve, delays } = await setup();
    publisher.files.set("timestamp.json", Buffer.from(JSON.stringify({ signatures: [], signed: {} })));
    const failed = await resolve();
    expect(failed).toBeInstanceOf(AgentError);
    publisher.publish(publishedAt, { signWith: { timestamp: [] } });
    const { length } = delays;
    expect(await resolve()).toMatchObject({ code: "metadata-signature" });
    expect(delays.slice(length)).toStrictEqual([null]);
  });

  it.each([
    ["cut", Buffer.from('{"signatures":[')],
    ["a captive portal's page", Buffer.from("<!DOCTYPE html><title>Welcome</title>")],
    ["nothing", Buffer.alloc(0)],
  ])("installs what it knows where the timestamp is %s", async (_what, bytes) => {
    const { publisher, resolve } = await setup();
    await resolve();
    publisher.files.set("timestamp.json", bytes);
    expect(await resolve()).toStrictEqual(found);
  });

  it("installs nothing that a revoked key has signed, also where the new metadata does not arrive", async () => {
    const { gate, publisher, resolve } = await setup();
    await resolve();
    const fresh = { keys: [testKey("fresh")], threshold: 1 };
    publisher.writeRoot({ targets: fresh, snapshot: fresh, timestamp: fresh, boards: fresh });
    publisher.files.delete("timestamp.json");
    expect(await resolve()).toMatchObject({ code: "metadata-missing" });
    expect(gate.status.rootVersion).toBe(2);
    expect((await gate.metadataForHelper()).map(({ name }) => name)).toContain("2.root.json");
  });
});

describe("at once", () => {
  it("refuses what is below the floor, and looks whether the publisher has changed that", async () => {
    const { gate, publisher, files, resolve, time } = await setup();
    await resolve();
    files.record = { floor: 5, issued: null };
    await gate.readStatus();
    const reads = publisher.reads.length;
    expect(gate.refusal(wanted)).toMatchObject({ status: 403, code: "epoch-too-low" });
    await time.advance(1_000);
    expect(publisher.reads.length).toBeGreaterThan(reads);
  });

  it("refuses what the metadata of a board without a repository does not have", async () => {
    const { gate } = await setup({ repository: null });
    expect(gate.refusal(wanted)).toMatchObject({ code: "metadata-missing" });
    expect(await gate.resolve(wanted, () => undefined, noSignal).catch((cause: unknown) => cause)).toMatchObject({
      code: "metadata-missing",
    });
  });

  it.each(["trust-store-damaged", "board-config-invalid"] as const)(
    "refuses everything while root's word is %s",
    async (code) => {
      const { gate, files, resolve } = await setup();
      files.problem = new AgentError(code, "It cannot be used.");
      await gate.readStatus();
      expect(gate.status).toMatchObject({ rule: "signed", alerts: ["It cannot be used."] });
      expect(gate.refusal(wanted)).toStrictEqual({ status: 403, code, message: "It cannot be used." });
      expect(await resolve()).toMatchObject({ code });
    },
  );

  it("takes any installer on a simulated board, and its own on a real one", async () => {
    const real = await setup({ installer: "command" });
    expect(await real.resolve()).toMatchObject({ code: "wrong-installer" });
    const simulated = await setup({ installer: "simulated", simulated: true });
    expect(await simulated.resolve()).toStrictEqual(found);
  });
});

describe("what somebody should know", () => {
  it("that the metadata is stale, or expired, once the time has come", async () => {
    const { gate, time, resolve } = await setup();
    await resolve();
    let changes = 0;
    gate.onChange(() => (changes += 1));
    await gate.readStatus();
    expect([gate.status.alerts, changes]).toStrictEqual([[], 0]);
    time.stepWall(daysLater(400).getTime() - publishedAt.getTime());
    await gate.readStatus();
    expect(gate.status.alerts.join()).toContain("stale");
    expect(changes).toBe(1);
    time.stepWall(daysLater(800).getTime() - daysLater(400).getTime());
    await gate.readStatus();
    expect(gate.status.alerts.join()).toContain("expired");
  });
});

it("a simulated board keeps what was verified, and its floor rises with a commit", async () => {
  const kept: unknown[] = [];
  const store = {
    save: async ({ record }: { record: unknown }) => void kept.push(record),
    raiseFloor: async (epoch: number) => void kept.push(epoch),
  };
  const { gate, resolve } = await setup({ simulated: true, store });
  await resolve();
  await gate.committed({ sha256: digest, epoch: 3 });
  expect(kept).toStrictEqual([{ floor: 0, issued: "2027-03-01T12:00:00Z" }, 3]);
});

it("metadata from a stick counts as the repository's: an older stick does no harm, and a damaged one is refused", async () => {
  const { gate, publisher } = await setup({ repository: null });
  const stick = new Map(publisher.files);
  publisher.publish();
  const image = { version: "1.0.0", sha256: digest, sizeBytes: 11, epoch: 0, path: `${board}/${digest}.app.tar` };
  for (const files of [publisher.files, stick]) expect(await gate.offer(files, noSignal)).toStrictEqual([image]);
  stick.set("timestamp.json", Buffer.from("{}"));
  await expect(gate.offer(stick, noSignal)).rejects.toMatchObject({ code: "metadata-invalid" });
});
