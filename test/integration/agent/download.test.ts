import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DownloadFixture, etag, status } from "../../support/downloads.ts";
import { cutOff, imageServer, servingParts, testImage } from "../../support/image-server.ts";

describe("a download", () => {
  it("asks once where nothing goes wrong", async () => {
    const setup = await DownloadFixture.create();
    expect(await setup.fetch()).toStrictEqual({ sha256: setup.image.sha256, sizeBytes: 1_000_000 });
    expect(await setup.isWhole()).toBe(true);
    expect(setup.asked).toStrictEqual([""]);
    expect(setup.warnings()).toStrictEqual([]);
    expect(setup.time.waits).toStrictEqual([]);
  });

  it("goes on where connections were cut, byte for byte", async () => {
    const setup = await DownloadFixture.create();
    const cuts = [1, 70_000, 0, 300_001, 65_536, 400_000];
    let sentBytes = 0;
    const cutAfter = (bytes: number): number => {
      const cut = Math.min(cuts.shift() ?? bytes, bytes);
      sentBytes += cut;
      return cut;
    };
    setup.server.answer = setup.parts({ cutAfter });
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(await setup.isWhole()).toBe(true);
    expect(sentBytes).toBe(1_000_000);
    expect(setup.asked.slice(0, 4)).toStrictEqual([
      "",
      `bytes=1- ${etag}`,
      `bytes=70001- ${etag}`,
      `bytes=70001- ${etag}`,
    ]);
  });

  it.each<[what: string, headers: Record<string, string>, ifRange: string]>([
    ["a time", { "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT" }, " Sun, 06 Nov 1994 08:49:37 GMT"],
    ["nothing for a weak ETag", { etag: 'W/"v1"' }, ""],
  ])("names the content that it goes on with by %s", async (_what, headers, ifRange) => {
    const setup = await DownloadFixture.create(10_000);
    setup.thenGood((_request, response) => {
      response.writeHead(200, { ...headers, "content-length": 10_000 });
      cutOff(response, setup.image.content.subarray(0, 4_000), setup.received(4_000));
    });
    await setup.fetch();
    expect(setup.asked[1]).toBe(`bytes=4000-${ifRange}`);
  });

  it("goes on after a restart, with every byte on disk digested again and none fetched again", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.thenGood();
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`]);
    expect(setup.progress[0]).toStrictEqual({ receivedBytes: 600_000, totalBytes: 1_000_000, delay: null });
    expect(setup.lines.find(({ msg }) => msg === "image downloaded")).toMatchObject({
      bytes: 1_000_000,
      fromDisk: 600_000,
      fromNetwork: 400_000,
    });
  });

  it("asks for nothing when all of it is there already", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetch();
    setup.server.stop();
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
  });

  it.each([
    ["signed anew", "board.img?sig=other", `bytes=600000- ${etag}`],
    ["moved to another address, which may name the content as it likes", "moved.img", "bytes=600000-"],
  ])("goes on for another job whose URL is %s", async (_what, path, asked) => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.server.answer = servingParts(setup.image, { etag: path.startsWith("moved") ? '"elsewhere"' : etag });
    const uris = [`${setup.server.origin}/${path}`];
    expect((await setup.fetch({ uris, operationId: "op-2" })).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([asked]);
  });

  it("sends a content's name to the address that gave it, redirected or not", async () => {
    const setup = await DownloadFixture.create(10_000);
    const storage = await imageServer(setup.parts({ cutAfter: (bytes) => (bytes > 6_000 ? 4_000 : bytes) }));
    // One authority for both: the agent trusts several in one file.
    Object.assign(setup.server, { ca: `${setup.server.ca}\n${storage.ca}` });
    setup.server.answer = status(302, { location: `${storage.origin}/signed?x=1` });
    await setup.fetch();
    expect(setup.asked).toStrictEqual(["", "bytes=4000-"]);
    expect(storage.requests.map(({ headers }) => headers["if-range"])).toStrictEqual([undefined, etag]);
  });
});

describe("what is on disk", () => {
  it("is cut to what was synced when the board has lost power since", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    const torn = Buffer.concat([await readFile(setup.path), Buffer.alloc(100_000)]);
    await writeFile(setup.path, torn);
    setup.bootId = "boot-2";
    setup.thenGood();
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`]);
  });

  it("is fetched whole, once, when it turns out to be damaged", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    await writeFile(setup.path, (await readFile(setup.path)).fill(0, 100, 200));
    setup.thenGood();
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(await setup.isWhole()).toBe(true);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, ""]);
  });

  it("is final when a complete second download is wrong too", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    const other = testImage(1_000_000);
    setup.server.answer = servingParts(other, { etag });
    expect((await setup.fetch()).sha256).toBe(other.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, ""]);
  });

  it("is final too when the second download was cut and the job restarted", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    const other = testImage(1_000_000);
    let requests = 0;
    const stop = new AbortController();
    setup.server.answer = (request, response) => {
      requests += 1;
      servingParts(other, { etag, ...(requests === 2 ? { cutAfter: () => 500_000 } : {}) })(request, response);
      if (requests === 2) stop.abort();
    };
    await expect(setup.fetch({}, stop.signal)).rejects.toThrow("aborted");
    await expect(setup.fetch()).resolves.not.toMatchObject({ sha256: setup.image.sha256 });
    expect(requests).toBeLessThanOrEqual(3);
  });

  const odd: [what: string, damage: (record: Record<string, unknown>) => string][] = [
    ["is empty", () => ""],
    ["is no JSON", () => '{"schema":1,'],
    ["is of another release", (record) => JSON.stringify({ ...record, schema: 2 })],
    [
      "says that bytes were synced which are not there",
      (record) => JSON.stringify({ ...record, syncedBytes: 900_000 }),
    ],
    ["knows a total that is too small", (record) => JSON.stringify({ ...record, totalBytes: 5 })],
    ["has a number that is none", (record) => JSON.stringify({ ...record, syncedBytes: "600000" })],
    [
      "would put a line break into a header",
      (record) => JSON.stringify({ ...record, source: { address: "https://a/x", validator: "a\r\nb" } }),
    ],
    ["is about nothing", () => "null"],
  ];
  it.each(odd)("is fetched whole when its record %s", async (_what, damage) => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    const record = `${setup.path}.json`;
    await writeFile(record, damage(JSON.parse(await readFile(record, "utf8")) as Record<string, unknown>));
    setup.thenGood();
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(await setup.isWhole()).toBe(true);
    expect(setup.asked).toStrictEqual([""]);
  });
});
