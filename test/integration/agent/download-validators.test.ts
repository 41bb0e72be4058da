import { describe, expect, it } from "vitest";
import { realProxy } from "../../support/real-proxy.ts";
import { DownloadFixture, etag } from "../../support/downloads.ts";
import { imageServer, servingParts, testImage } from "../../support/image-server.ts";

describe("a server", () => {
  it.each<[what: string, nameOf: (request: number) => { etag?: string; lastModified?: string }]>([
    ["the name of the file", (request) => ({ etag: `"node-${request}"` })],
    ["a suffix of the name", (request) => ({ etag: request % 2 === 0 ? '"v1"' : '"v1-gzip"' })],
    ["whether there is a name", (request) => (request % 2 === 0 ? { etag } : {})],
    ["whether the name is weak", (request) => ({ etag: request % 2 === 0 ? etag : `W/${etag}` })],
  ])("of which each node has another opinion of %s makes progress over a link that breaks", async (_what, nameOf) => {
    const setup = await DownloadFixture.create();
    let request = 0;
    setup.server.answer = (asked, response) => {
      setup.parts({ ...nameOf((request += 1)), cutAfter: () => 150_000 })(asked, response);
    };
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(await setup.isWhole()).toBe(true);
    // 1 000 000 bytes in parts of 150 000, and one request that a condition cost.
    expect(setup.server.requests.length).toBeLessThanOrEqual(8);
  });

  it.each([
    ["directly", false],
    ["through a proxy", true],
  ])(
    "beside a mirror, each with names of its own and a link that breaks, asked %s: every part is kept",
    async (_how, isProxied) => {
      const setup = await DownloadFixture.create();
      const mirror = await imageServer(servingParts(setup.image));
      setup.otherCa = mirror.ca;
      const proxy = await realProxy();
      if (isProxied) proxy.use();
      let request = 0;
      for (const [at, server] of [setup.server, mirror].entries())
        server.answer = (asked, response) =>
          setup.parts({ etag: `"node-${at}-${(request += 1)}"`, cutAfter: () => 150_000 })(asked, response);
      const both = setup.fetch({ uris: [setup.uri, `${mirror.origin}/board.img`], sha256: setup.image.sha256 });
      expect((await both).sha256).toBe(setup.image.sha256);
      expect(await setup.isWhole()).toBe(true);
      expect(setup.server.requests.length + mirror.requests.length).toBeLessThanOrEqual(9);
      expect(mirror.requests.length).toBeGreaterThan(0);
      expect(new Set(proxy.asked)).toStrictEqual(
        new Set(isProxied ? [new URL(setup.server.origin).host, new URL(mirror.origin).host] : []),
      );
    },
  );

  it("behind a proxy that refuses now and then keeps what has arrived, and the mirror serves on", async () => {
    const setup = await DownloadFixture.create();
    const mirror = await imageServer(servingParts(setup.image));
    setup.otherCa = mirror.ca;
    const proxy = await realProxy((host) => host !== new URL(setup.server.origin).host);
    await setup.fetchUntil(600_000);
    proxy.use();
    mirror.answer = setup.parts({ etag: '"another"' });
    await setup.fetch({ uris: [setup.uri, `${mirror.origin}/board.img`] });
    expect(mirror.requests.map(({ headers }) => headers.range)).toStrictEqual(["bytes=600000-"]);
    expect(setup.server.requests).toStrictEqual([]);
  });

  it("whose file was really replaced by one of the same size costs one more download, and nothing is mixed", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000, { sha256: testImage(10).sha256 });
    const other = testImage(1_000_000);
    setup.server.answer = servingParts(other, { etag: '"v2"' });
    expect(await setup.fetch({ sha256: other.sha256 })).toStrictEqual({ sha256: other.sha256, sizeBytes: 1_000_000 });
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, "bytes=600000-", ""]);
  });

  it("whose file is replaced all the time is given up, with what has changed", async () => {
    const setup = await DownloadFixture.create();
    let request = 0;
    setup.server.answer = (asked, response) => {
      const names = { etag: `"v${(request += 1)}"` };
      servingParts(testImage(1_000_000), {
        ...names,
        arrived: (bytes) => setup.received(bytes),
        cutAfter: () => 400_000,
      })(asked, response);
    };
    await expect(setup.fetch()).rejects.toThrow(/its ETag or Last-Modified was "v\d+" and is now "v\d+"/);
    // Each of the 21 starts asks for the first part and is refused the next one; before, three parts that do not fit.
    expect(setup.server.requests.length).toBeLessThan(60);
  });
});
