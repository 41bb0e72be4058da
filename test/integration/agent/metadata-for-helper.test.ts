import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MetadataCache } from "../../../agent/board/trust/metadata-cache.ts";
import { TrustFolder } from "../../../agent/board/trust/trust-folder.ts";
import { defaultBoardConfig } from "../../../agent/config/board-config.ts";
import { HelperTrustGate } from "../../../agent/install-helper/trust-gate.ts";
import * as verifier from "../../../agent/trust/cached-metadata.ts";
import type { MetadataSource } from "../../../agent/trust/ports.ts";
import { verifyRoot } from "../../../agent/trust/trust-root.ts";
import { BoardTrustGate } from "../../../agent/update/board-trust-gate.ts";
import { fakeRuntime } from "../../support/fake-runtime.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import {
  daysLater,
  publishedAt,
  sha256,
  targetEntry,
  testKey,
  TufRepository,
  wallClock,
} from "../../support/tuf-repository.ts";

/* An update's whole way through trust: the agent finds the image, sends metadata, and root's helper admits the same image. */

const never = new AbortController().signal;
const names = ["acme,gateway"];

async function boardOf(publisher: TufRepository) {
  const folder = await temporaryFolder();
  const seed = join(folder, "root.json");
  await writeFile(seed, publisher.file("1.root.json"), { mode: 0o644 });
  const store = new TrustFolder({
    folder,
    seed: join(folder, "seed.json"),
    seedOwners: [0, process.geteuid?.() ?? 0],
    checkRoot: (root) => void verifyRoot("root.json", root),
  });
  await store.replaceRoot({ root: publisher.file("1.root.json"), roles: new Map() }, null);
  const helper = new HelperTrustGate({
    store,
    readConfig: async () => defaultBoardConfig,
    readNames: async () => names,
    readClock: async () => wallClock(daysLater(1)),
    agentVersion: "1.2.0",
    log: () => undefined,
  });
  const repository: { source: MetadataSource } = { source: publisher };
  const cacheFolder = join(folder, "cache");
  const newGate = (): BoardTrustGate =>
    new BoardTrustGate({
      ...fakeRuntime({ time: new FakeTime(publishedAt.toISOString()) }),
      readBoard: async () => ({ allowUnsigned: false, refuseStale: false, names, loaded: await store.load() }),
      verifier: async () => verifier,
      cache: new MetadataCache(cacheFolder),
      repository: {
        address: "https://images.example",
        source: { read: (name, maxBytes, signal) => repository.source.read(name, maxBytes, signal) },
      },
      simulated: false,
      agentVersion: "1.2.0",
      installer: "release",
    });
  let gate = newGate();
  const send = async (): Promise<unknown> => {
    const files = new Map((await gate.metadataForHelper()).map(({ name, bytes }) => [name, bytes]));
    return await helper.refresh(files, never);
  };
  const admit = async (version: string): Promise<unknown> => {
    const bytes = Buffer.from(`image ${version}`);
    return await helper.admit(
      { sha256: sha256(bytes), sizeBytes: bytes.length, version, operationId: "op" },
      "release",
      never,
    );
  };
  return {
    store,
    repository,
    cacheFolder,
    gate: () => gate,
    /** The agent starts anew. */
    restart: () => void (gate = newGate()),
    send,
    admit,
    /** Finds an image, sends what root's helper needs, and has it admit the image. */
    update: async (version: string): Promise<unknown> => {
      await gate.resolve({ version, sha256: null, sizeBytes: null }, () => undefined, never);
      await send();
      return await admit(version);
    },
  };
}

function add(publisher: TufRepository, version: string): void {
  const [path, entry] = targetEntry("acme,gateway", version);
  publisher.boards["acme,gateway"] = { ...publisher.boards["acme,gateway"], [path]: entry };
  publisher.publish();
}

const fresh = { keys: [testKey("fresh")], threshold: 1 };
const freshKeys = { targets: fresh, snapshot: fresh, timestamp: fresh, boards: fresh };

it.each([
  ["known to root's helper", true],
  ["known to the agent alone", false],
])("recovers from a fast-forward that is %s by a rotation of keys, down to lower versions", async (_what, isSent) => {
  const publisher = new TufRepository();
  const board = await boardOf(publisher);
  publisher.version = 999_998; // Somebody has the working key.
  publisher.publish();
  if (isSent) await board.update("1.0.0");
  else await board.gate().resolve({ version: "1.0.0", sha256: null, sizeBytes: null }, () => undefined, never);
  publisher.version = 4;
  publisher.writeRoot(freshKeys);
  add(publisher, "2.0.0");
  expect(await board.update("2.0.0")).toMatchObject({ version: "2.0.0" });
  expect((await readdir(board.cacheFolder)).filter((name) => name.startsWith("9"))).toStrictEqual([]);
  add(publisher, "3.0.0");
  board.restart();
  expect(await board.update("3.0.0")).toMatchObject({ version: "3.0.0" });
});

it.each<[what: string, sameKeys: boolean]>([
  ["another publisher", false],
  ["one who began anew with the same keys", true],
])("updates from %s, whose root its owner has added, beside a cache of the former", async (_what, sameKeys) => {
  const former = new TufRepository();
  const board = await boardOf(former);
  former.writeRoot({});
  for (const version of ["2.0.0", "3.0.0"]) add(former, version);
  expect(await board.update("3.0.0")).toMatchObject({ version: "3.0.0" });
  former.writeRoot({});
  add(former, "4.0.0");
  await board.gate().resolve({ version: "4.0.0", sha256: null, sizeBytes: null }, () => undefined, never);
  const keys = { keys: [testKey("other")], threshold: 1 };
  const now = daysLater(0.5); // Its first root is another file.
  const other = new TufRepository({ now, ...(sameKeys ? {} : { keys: { ...freshKeys, root: keys } }) });
  await board.store.replaceRoot({ root: other.file("1.root.json"), roles: new Map() }, null);
  board.repository.source = other;
  expect(await board.update("1.0.0")).toMatchObject({ version: "1.0.0" });
  other.writeRoot({});
  add(other, "5.0.0");
  board.restart();
  expect(await board.update("5.0.0")).toMatchObject({ version: "5.0.0" });
});

it("updates beside cached files of which any was cut, changed or removed", async () => {
  const publisher = new TufRepository();
  const board = await boardOf(publisher);
  publisher.writeRoot({});
  add(publisher, "2.0.0");
  expect(await board.update("2.0.0")).toMatchObject({ version: "2.0.0" });
  const online = board.repository.source;
  const offline: MetadataSource = { read: async () => undefined };
  for (const role of ["root", "timestamp", "snapshot", "targets", "acme,gateway"]) {
    for (const damage of [
      async (path: string) => await truncate(path, 100),
      async (path: string) => await truncate(path, 0),
      async (path: string) => await writeFile(path, (await readFile(path, "utf8")).replace("sig", "gis")),
    ]) {
      board.restart();
      const name = (await readdir(board.cacheFolder)).find((one) => one.endsWith(`${role}.json`));
      await damage(join(board.cacheFolder, name ?? role));
      board.repository.source = offline;
      await board.gate().readStatus();
      await board.send(); // What root has stored does, and nothing damaged is sent.
      expect(await board.admit("2.0.0")).toMatchObject({ version: "2.0.0" });
      board.repository.source = online;
      add(publisher, "2.1.0");
      expect(await board.update("2.1.0")).toMatchObject({ version: "2.1.0" });
    }
  }
});

it("takes a stick and the repository one after the other, whichever ends first", async () => {
  const publisher = new TufRepository();
  const board = await boardOf(publisher);
  const stick = new Map(publisher.files);
  add(publisher, "2.0.0");
  let arrive = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    board.repository.source = {
      read: async (name) => {
        resolve();
        await new Promise<void>((come) => (arrive = come));
        board.repository.source = publisher;
        return await publisher.read(name);
      },
    };
  });
  const found = board.gate().resolve({ version: "2.0.0", sha256: null, sizeBytes: null }, () => undefined, never);
  await begun;
  const offered = board.gate().offer(stick, never);
  await board.gate().readStatus();
  arrive();
  expect(await found).toMatchObject({ version: "2.0.0" });
  // The stick is older by then: what the repository has said counts.
  expect((await offered).map(({ version }) => version)).toContain("2.0.0");
  expect(await board.update("2.0.0")).toMatchObject({ version: "2.0.0" });
});
