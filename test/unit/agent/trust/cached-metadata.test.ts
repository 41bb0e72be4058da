import { describe, expect, it } from "vitest";
import { verifyCached, refreshCached, type CacheRequest } from "../../../../agent/trust/cached-metadata.ts";
import type { MetadataSource } from "../../../../agent/trust/ports.ts";
import { MemoryMetadataCache } from "../../../support/memory-metadata-cache.ts";
import { newRecord, testKey, TufRepository, wallClock } from "../../../support/tuf-repository.ts";

const noSignal = new AbortController().signal;

function setup() {
  const publisher = new TufRepository();
  const cache = new MemoryMetadataCache();
  const loaded = { metadata: publisher.seed(), record: newRecord, problems: [], remade: null };
  const request: CacheRequest = {
    loaded,
    cache,
    boards: ["acme,gateway"],
    clock: wallClock(),
    refuseStale: false,
  };
  return { publisher, cache, request };
}

describe("the metadata on a board", () => {
  it("says nothing before it was read: with what to do", async () => {
    const { request } = setup();
    expect(await verifyCached(request)).toMatchObject({
      root: { version: 1 },
      trusted: undefined,
      error: { code: "metadata-missing", message: expect.stringContaining("has not read the repository yet") },
    });
  });

  it("is what was refreshed, also when only the cache has it", async () => {
    const { publisher, request } = setup();
    const refreshed = await refreshCached(request, publisher, noSignal);
    expect(refreshed).toMatchObject({ failure: undefined, error: undefined, trusted: { rootVersion: 1 } });
    expect(await verifyCached(request)).toMatchObject({ trusted: { targets: [{ version: "1.0.0" }] } });
  });

  it("is that of the store where the cache is older, damaged, or cannot be read", async () => {
    const { publisher, cache, request } = setup();
    await refreshCached(request, publisher, noSignal);
    publisher.publish();
    const newer: CacheRequest = { ...request, loaded: { ...request.loaded, metadata: publisher.stored() } };
    expect(await verifyCached(newer)).toMatchObject({ trusted: { rootVersion: 1 }, error: undefined });
    cache.files.set("timestamp.json", Buffer.from("damaged"));
    expect(await verifyCached(newer)).toMatchObject({ trusted: { rootVersion: 1 }, error: undefined });
    cache.read = () => Promise.reject(new Error("EIO"));
    expect(await verifyCached(newer)).toMatchObject({ trusted: { rootVersion: 1 }, error: undefined });
  });

  it("is read from the repository in what is new alone", async () => {
    const { publisher, request } = setup();
    await refreshCached(request, publisher, noSignal);
    publisher.reads.length = 0;
    await refreshCached(request, publisher, noSignal);
    expect(publisher.reads).toStrictEqual(["2.root.json", "timestamp.json"]);
  });
});

describe("a refresh that fails", () => {
  it("keeps the roots that it has followed, and nothing that was not verified", async () => {
    const { publisher, cache, request } = setup();
    const fresh = { keys: [testKey("fresh")], threshold: 1 };
    publisher.writeRoot({ timestamp: fresh });
    const refreshed = await refreshCached(request, publisher, noSignal); // The timestamp is that of the former key.
    expect(refreshed).toMatchObject({ failure: { code: "metadata-signature" }, root: { version: 2 } });
    expect([...cache.files.keys()]).toStrictEqual(["1.root.json", "2.root.json"]);
  });

  it("keeps no root that is not signed by the one before", async () => {
    const { publisher, cache, request } = setup();
    publisher.writeRoot({}, undefined, { signWith: { root: [testKey("somebody else")] } });
    const refreshed = await refreshCached(request, publisher, noSignal);
    expect(refreshed.failure).toBeDefined();
    expect(refreshed.root.version).toBe(1);
    expect(cache.files.size).toBe(0);
  });

  it("says why the disk did not take what was read; that counts all the same", async () => {
    const { publisher, cache, request } = setup();
    cache.refusal = new Error("no space");
    const refreshed = await refreshCached(request, publisher, noSignal);
    expect(refreshed).toMatchObject({ failure: undefined, unkept: cache.refusal, trusted: { rootVersion: 1 } });
    expect([...refreshed.files.keys()]).toContain("timestamp.json");
  });

  it("is no answer where the agent stops", async () => {
    const { request } = setup();
    const stopping = new AbortController();
    const source: MetadataSource = {
      read: async () => {
        stopping.abort();
        throw new Error("aborted");
      },
    };
    await expect(refreshCached(request, source, stopping.signal)).rejects.toThrow("abort");
  });
});
