import { readFile, stat, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DownloadFixture } from "../../support/downloads.ts";
import { settle } from "../../support/fake-time.ts";
import { cutOff, imageServer, serving, servingParts, testImage } from "../../support/image-server.ts";

type Handler = DownloadFixture["server"]["answer"];

const etag = '"v1"';
const hour = 3_600_000;

/** Answers of this kind to the first requests, then good ones. */
function thenGood(setup: DownloadFixture, ...first: Handler[]): void {
  setup.server.answer = (request, response) => {
    const answer = first.shift() ?? setup.parts();
    answer(request, response);
  };
}

const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(code, headers).end();

async function whole(setup: DownloadFixture): Promise<void> {
  expect((await readFile(setup.path)).equals(setup.image.content)).toBe(true);
}

describe("a download", () => {
  it("asks once where nothing goes wrong", async () => {
    const setup = await DownloadFixture.create();
    expect(await setup.fetch()).toStrictEqual({ sha256: setup.image.sha256, sizeBytes: 1_000_000 });
    await whole(setup);
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
    await whole(setup);
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
    thenGood(setup, (_request, response) => {
      response.writeHead(200, { ...headers, "content-length": 10_000 });
      cutOff(response, setup.image.content.subarray(0, 4_000), setup.received(4_000));
    });
    await setup.fetch();
    expect(setup.asked[1]).toBe(`bytes=4000-${ifRange}`);
  });

  it("goes on after a restart, with every byte on disk digested again and none fetched again", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    thenGood(setup);
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
    thenGood(setup);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`]);
  });

  it("is fetched whole, once, when it turns out to be damaged", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    await writeFile(setup.path, (await readFile(setup.path)).fill(0, 100, 200));
    thenGood(setup);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    await whole(setup);
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
    thenGood(setup);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    await whole(setup);
    expect(setup.asked).toStrictEqual([""]);
  });
});

describe("a server", () => {
  it("that ignores ranges is taken from its first byte", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.server.answer = serving(setup.image);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    await whole(setup);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`]);
  });

  it("that ignores ranges and never gets to the end is given up", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = (_request, response) => {
      response.writeHead(200, { "content-length": 1_000_000 });
      cutOff(response, setup.image.content.subarray(0, 500_000), setup.received(500_000));
    };
    await expect(setup.fetch()).rejects.toMatchObject({ code: "not-resumable" });
    expect(setup.asked).toHaveLength(22);
  });

  it("whose file has changed sends the new one, which is checked by its digest", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    const other = testImage(700_000);
    setup.server.answer = servingParts(other, { etag: '"v2"' });
    expect((await setup.fetch()).sha256).toBe(other.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`]);
  });

  it.each<[what: string, answer: Handler]>([
    ["says that the file has changed (412)", status(412)],
    ["has no such part (416)", status(416, { "content-range": "bytes */100" })],
    ["sends another part", part("bytes 599999-999999/1000000")],
    ["sends a part of another total", part("bytes 600000-999999/2000000")],
    ["sends a part of other content", part("bytes 600000-999999/1000000", { etag: '"v2"' })],
    ["does not say which part it sends", part(undefined)],
  ])("that %s is asked for all of it", async (_what, answer) => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    thenGood(setup, answer);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, ""]);
  });

  it("that always answers a wrong part is given up", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = (request, response) => {
      if (request.headers.range !== undefined) return part("bytes 0-999999/1000000")(request, response);
      return setup.parts({ cutAfter: () => 500_000 })(request, response);
    };
    await expect(setup.fetch()).rejects.toMatchObject({ code: "not-resumable" });
    expect(setup.server.requests.length).toBeLessThan(50);
  });

  it("that sends less than its part is asked for what is missing", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    thenGood(setup, (_request, response) => {
      response.writeHead(206, { "content-range": "bytes 600000-699999/1000000", "content-length": 100_000, etag });
      response.end(setup.image.content.subarray(600_000, 700_000));
    });
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, `bytes=700000- ${etag}`]);
  });

  it("that sends more than its part is not believed", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    thenGood(setup, (_request, response) => {
      response.writeHead(206, { "content-range": "bytes 600000-699999/1000000", etag });
      response.end(setup.image.content.subarray(600_000));
    });
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.server.requests).toHaveLength(2);
  });

  it.each([false, true])(
    "that says too great a length is found out by the digest (restarted: %s)",
    async (restarted) => {
      const setup = await DownloadFixture.create();
      if (restarted) await setup.fetchUntil(600_000);
      setup.server.answer = (_request, response) => {
        response.writeHead(200, { "content-length": 1_000_100 });
        cutOff(response, setup.image.content, setup.received(1_000_000));
      };
      expect(await setup.fetch()).toStrictEqual({ sha256: setup.image.sha256, sizeBytes: 1_000_000 });
      expect(setup.server.requests).toHaveLength(1);
    },
  );

  it("that says too small a length has sent another image", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = (_request, response) => {
      response.writeHead(200, { "content-length": 999_900, connection: "close" });
      response.end(setup.image.content);
    };
    expect(await setup.fetch()).toMatchObject({ sizeBytes: 999_900 });
    expect(setup.server.requests).toHaveLength(1);
  });

  it("that says no length and breaks off is asked again", async () => {
    const setup = await DownloadFixture.create();
    thenGood(setup, (_request, response) => {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { connection: "close" });
      response.end(setup.image.content.subarray(0, 500_000));
    });
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.server.requests).toHaveLength(2);
  });

  it("that says no length is taken in pieces to its end", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = (_request, response) => {
      response.write(setup.image.content.subarray(0, 500_000));
      response.end(setup.image.content.subarray(500_000));
    };
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
  });

  it.each([
    [
      "announces",
      (image: Buffer): Handler =>
        (_request, response) =>
          void response.end(image),
    ],
    [
      "sends",
      (image: Buffer): Handler =>
        (_request, response) =>
          void (response.write(image), response.end()),
    ],
  ])("that %s more than was promised is refused", async (_what, answer) => {
    const setup = await DownloadFixture.create();
    setup.server.answer = answer(setup.image.content);
    await expect(setup.fetch({ sizeBytes: 999_999 })).rejects.toMatchObject({ code: "bad-size" });
    await expect(setup.fetch({ maxBytes: 999_999 })).rejects.toMatchObject({ code: "image-too-large" });
    await expect(setup.fetch({ availableBytes: 999_999 })).rejects.toMatchObject({ code: "no-space" });
  });

  it.each<[what: string, answer: (setup: DownloadFixture) => Handler, bytes: number]>([
    ["never answers", () => () => undefined, 0],
    [
      "stops in the middle",
      (setup) => (_request, response) => {
        response.writeHead(200, { "content-length": 1_000_000, etag });
        response.write(setup.image.content.subarray(0, 500_000));
      },
      500_000,
    ],
  ])("that %s is left, and asked again", async (_what, answer, bytes) => {
    const setup = await DownloadFixture.create();
    const asked = new Promise<void>((resolve) => {
      thenGood(setup, (request, response) => {
        answer(setup)(request, response);
        resolve();
      });
    });
    const received = setup.received(bytes);
    const fetching = setup.fetch();
    await asked;
    await received;
    while (setup.warnings().length === 0) {
      setup.time.endGuards();
      await settle();
    }
    expect((await fetching).sha256).toBe(setup.image.sha256);
    expect(setup.warnings()).toMatchObject([{ what: "unreachable", reason: expect.stringContaining("45 s") }]);
    expect(setup.asked).toStrictEqual(["", bytes > 0 ? `bytes=${bytes}- ${etag}` : ""]);
  });
});

it("leaves a server that lets out a few bytes at a time", async () => {
  const setup = await DownloadFixture.create();
  let trickle: () => void = () => undefined;
  thenGood(setup, (_request, response) => {
    response.writeHead(200, { "content-length": 1_000_000, etag });
    trickle = () => void response.write(setup.image.content.subarray(0, 1));
  });
  const fetching = setup.fetch();
  while (setup.asked.length === 0) await settle();
  trickle();
  await setup.received(1);
  while (setup.warnings().length === 0) {
    setup.time.endGuards();
    await settle();
    trickle();
  }
  await expect(fetching).resolves.toBeDefined();
  expect(setup.server.requests).toHaveLength(2);
});

it("takes a name that no server answers to for a link that is lost", async () => {
  const setup = await DownloadFixture.create();
  const uris = ["https://images.invalid/board.img", setup.uri];
  expect((await setup.fetch({ uris })).sha256).toBe(setup.image.sha256);
  expect(setup.warnings()).toMatchObject([{ what: "unreachable", reason: expect.stringContaining("images.invalid") }]);
});

function part(contentRange: string | undefined, headers: Record<string, string> = {}): Handler {
  return (_request, response) => {
    response.writeHead(206, { ...(contentRange === undefined ? {} : { "content-range": contentRange }), ...headers });
    response.end("nonsense");
  };
}

describe("a status", () => {
  it.each([400, 401, 403, 404, 410])("%i ends it at once", async (code) => {
    const setup = await DownloadFixture.create();
    setup.server.answer = status(code);
    await expect(setup.fetch()).rejects.toMatchObject({ code: "http-status" });
    expect(setup.server.requests).toHaveLength(1);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])("%i is waited out", async (code) => {
    const setup = await DownloadFixture.create();
    thenGood(setup, status(code), status(code));
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.server.requests).toHaveLength(3);
    expect(setup.time.waits).toStrictEqual([1_000, 1_000]);
    expect(setup.warnings()).toHaveLength(1);
  });

  it("with Retry-After is waited out for as long as it says, minute by minute, and the reason is reported", async () => {
    const setup = await DownloadFixture.create();
    thenGood(setup, status(503, { "retry-after": "150" }));
    await setup.fetch();
    expect(setup.time.waits).toStrictEqual([60_000, 60_000, 30_000]);
    const delayed = setup.progress.filter(({ delay }) => delay !== null);
    expect(delayed).toHaveLength(3);
    expect(delayed[0]?.delay).toStrictEqual({
      code: "http-status",
      message: `${setup.server.origin}/board.img answered with status 503. Check the server, then request the update again.`,
    });
    expect(setup.progress.at(-1)?.delay).toBeNull();
  });

  it("with a date in Retry-After is waited out by the server's clock", async () => {
    const setup = await DownloadFixture.create();
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    thenGood(setup, status(429, { date, "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT" }));
    await setup.fetch();
    expect(setup.time.waits).toStrictEqual([30_000]);
  });
});

describe("the deadline", () => {
  it.each<[what: string, code: string, break_: (setup: DownloadFixture) => void]>([
    ["a server that is never ready", "http-status", ({ server }) => void (server.answer = status(503))],
    ["a server that is gone", "unreachable", ({ server }) => server.stop()],
    [
      "a server that cuts each connection",
      "unreachable",
      ({ server }) => {
        server.answer = (request) => void request.socket.destroy();
      },
    ],
    [
      "a server that asks for a year",
      "http-status",
      ({ server }) => void (server.answer = status(503, { "retry-after": "31536000" })),
    ],
  ])("ends the tries at %s", async (_what, code, breakIt) => {
    const setup = await DownloadFixture.create();
    setup.random = 0.999;
    breakIt(setup);
    const begunMs = setup.time.nowMs();
    await expect(setup.fetch()).rejects.toMatchObject({ code, message: expect.stringContaining("24 h") });
    expect(setup.time.nowMs() - begunMs).toBe(24 * hour);
    expect(setup.warnings()).toHaveLength(1);
    expect(setup.server.requests.length).toBeLessThan(200);
  });

  it("counts what was spent before a restart, for the same job only", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = status(503, { "retry-after": "82800" });
    const stop = new AbortController();
    const after = setup.time.after.bind(setup.time);
    setup.time.after = async (delayMs, signal) => {
      await after(delayMs, signal);
      if (setup.time.waits.length > 23 * 60 - 1) stop.abort();
    };
    await expect(setup.fetch({}, stop.signal)).rejects.toThrow("aborted");
    setup.time.after = after;
    const restartedMs = setup.time.nowMs();
    await expect(setup.fetch()).rejects.toMatchObject({ code: "http-status" });
    expect(setup.time.nowMs() - restartedMs).toBe(hour);
    await expect(setup.fetch({ operationId: "op-2" })).rejects.toMatchObject({ code: "http-status" });
    expect(setup.time.nowMs() - restartedMs).toBe(25 * hour);
  });

  it("of nothing lets it try once", async () => {
    const setup = await DownloadFixture.create();
    setup.terms = { ...setup.terms, deadlineMs: 0 };
    setup.server.answer = status(503);
    await expect(setup.fetch()).rejects.toMatchObject({ code: "http-status" });
    expect(setup.server.requests).toHaveLength(1);
  });

  /** Lets a fetch go on for so many hours, in each of which hardly enough bytes arrive. */
  async function trickle(
    setup: DownloadFixture,
    hours: number,
    signal?: AbortSignal,
  ): Promise<{ fetching: Promise<unknown> }> {
    let write: (bytes: number) => void = () => undefined;
    setup.server.answer = (request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const range = { "content-range": `bytes ${from}-999999/1000000` };
      response.writeHead(from > 0 ? 206 : 200, {
        etag,
        "content-length": 1_000_000 - from,
        ...(from > 0 ? range : {}),
      });
      let sentTo = from;
      write = (bytes) => void response.write(setup.image.content.subarray(sentTo, (sentTo += bytes)));
    };
    const asked = setup.server.requests.length;
    const before = setup.progress.at(-1)?.receivedBytes ?? 0;
    const fetching = setup.fetch({}, signal).catch((cause: unknown) => cause);
    while (setup.server.requests.length === asked) await settle();
    for (let passed = 1; passed <= hours; passed += 1) {
      write(2_000);
      await Promise.race([setup.received(before + 2_000 * passed), fetching]);
      setup.time.pass(hour - 45_000);
      setup.time.endGuards();
      await settle();
    }
    return { fetching };
  }

  it("ends a fetch for which bytes trickle in, and keeps them", async () => {
    const setup = await DownloadFixture.create();
    const begunMs = setup.time.nowMs();
    const { fetching } = await trickle(setup, 24);
    const message = expect.stringMatching(
      /^Gave up after 24 h of attempts\. .* after 48000 of 1000000 bytes: the deadline passed/,
    );
    expect(await fetching).toMatchObject({ code: "unreachable", message });
    expect(setup.time.nowMs() - begunMs).toBe(24 * hour);
    expect(setup.server.requests).toHaveLength(1);
    expect((await stat(setup.path)).size).toBe(48_000);
  });

  it("counts the hours in which bytes trickled in before a restart", async () => {
    const setup = await DownloadFixture.create();
    const stop = new AbortController();
    const { fetching: stopped } = await trickle(setup, 23, stop.signal);
    stop.abort();
    await stopped;
    const { fetching } = await trickle(setup, 1);
    expect(await fetching).toMatchObject({ code: "unreachable" });
    expect((await stat(setup.path)).size).toBe(48_000);
  });

  it("does not end the one try of a board that has none, while it moves", async () => {
    const setup = await DownloadFixture.create();
    setup.terms = { ...setup.terms, deadlineMs: 0 };
    const stop = new AbortController();
    const { fetching } = await trickle(setup, 48, stop.signal);
    expect((await stat(setup.path)).size).toBe(96_000);
    stop.abort();
    await fetching;
  });
});

describe("several addresses", () => {
  it("are asked in turn, and a refusal ends only the one that gave it", async () => {
    const setup = await DownloadFixture.create();
    const paths: (string | undefined)[] = [];
    setup.server.answer = (request, response) => {
      paths.push(request.url);
      if (request.url === "/gone") return status(404)(request, response);
      const cutAfter = (bytes: number): number => Math.min(bytes, 300_000);
      return setup.parts({ etag: `"${request.url}"`, cutAfter })(request, response);
    };
    const uris = ["/a", "/gone", "/b"].map((path) => setup.server.origin + path);
    expect((await setup.fetch({ uris })).sha256).toBe(setup.image.sha256);
    expect(paths).toStrictEqual(["/a", "/gone", "/b", "/a", "/b"]);
    expect(setup.asked).toStrictEqual(["", "bytes=300000-", "bytes=300000-", "bytes=600000-", "bytes=900000-"]);
    expect(setup.time.waits.length).toBeLessThanOrEqual(2);
  });

  it("fail when all of them have refused, with what the last one said", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = status(403);
    const uris = ["/a", "/b", "/c"].map((path) => setup.server.origin + path);
    await expect(setup.fetch({ uris })).rejects.toMatchObject({
      code: "http-status",
      message: expect.stringMatching("/c"),
    });
    expect(setup.server.requests).toHaveLength(3);
  });

  it("go on without the one that has another image", async () => {
    const setup = await DownloadFixture.create();
    const other = testImage(1_000);
    setup.server.answer = (request, response) =>
      serving(request.url === "/other" ? other : setup.image)(request, response);
    const uris = ["/other", "/right"].map((path) => setup.server.origin + path);
    expect((await setup.fetch({ uris })).sha256).toBe(setup.image.sha256);
    await whole(setup);
  });
});

describe("cancelling", () => {
  it.each<[what: string, set: (setup: DownloadFixture, reached: () => void) => void]>([
    ["while the server has not answered", ({ server }, reached) => void (server.answer = reached)],
    [
      "while bytes arrive",
      (setup, reached) => {
        setup.server.answer = (_request, response) => {
          response.writeHead(200, { "content-length": 1_000_000 });
          response.write(setup.image.content.subarray(0, 500_000));
        };
        void setup.received(500_000).then(reached);
      },
    ],
    [
      "while it waits for the next try",
      (setup, reached) => {
        setup.server.answer = status(503, { "retry-after": "600" });
        holdWaits(setup, reached);
      },
    ],
    [
      "while it waits for its share of the line",
      (setup, reached) => {
        setup.terms = { ...setup.terms, bytesPerSecond: 10_000 };
        holdWaits(setup, reached);
      },
    ],
  ])("%s ends it at once", async (_what, set) => {
    const setup = await DownloadFixture.create();
    const stop = new AbortController();
    const reached = new Promise<void>((resolve) => set(setup, resolve));
    const fetching = setup.fetch({}, stop.signal);
    fetching.catch(() => undefined);
    await reached;
    stop.abort();
    await expect(fetching).rejects.toThrow("aborted");
  });

  function holdWaits({ time }: DownloadFixture, reached: () => void): void {
    time.isHeld = true;
    const after = time.after.bind(time);
    time.after = (delayMs, signal) => {
      const waiting = after(delayMs, signal);
      if (time.waits.length > 0) reached();
      return waiting;
    };
  }

  it("while what is on disk is digested again ends it at once", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    await expect(setup.fetch({}, AbortSignal.abort())).rejects.toThrow("aborted");
    expect((await stat(setup.path)).size).toBe(600_000);
    expect(setup.server.requests).toHaveLength(0);
  });
});

it("takes no more of the line than it may", async () => {
  const setup = await DownloadFixture.create();
  setup.terms = { ...setup.terms, bytesPerSecond: 100_000 };
  const begunMs = setup.time.nowMs();
  await setup.fetch();
  const tookMs = setup.time.nowMs() - begunMs;
  expect(tookMs).toBeGreaterThanOrEqual(9_000);
  expect(tookMs).toBeLessThan(9_100);
});

it("does not take a wait for its own narrow share of the line for a server's silence", async () => {
  const setup = await DownloadFixture.create();
  setup.terms = { ...setup.terms, bytesPerSecond: 100 };
  setup.time.isHeld = true;
  const stop = new AbortController();
  const fetching = setup.fetch({}, stop.signal);
  while (setup.time.waits.length === 0) await settle();
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    setup.time.endGuards();
    await settle();
  }
  expect([setup.warnings(), setup.asked]).toStrictEqual([[], [""]]);
  stop.abort();
  await expect(fetching).rejects.toThrow("aborted");
});

it("leaves a server that falls silent after it had to wait for its share of the line", async () => {
  const setup = await DownloadFixture.create();
  setup.terms = { ...setup.terms, bytesPerSecond: 100_000 };
  thenGood(setup, (_request, response) => {
    response.writeHead(200, { "content-length": setup.image.sizeBytes, etag });
    response.write(setup.image.content.subarray(0, 500_000));
  });
  const fetching = setup.fetch();
  await setup.received(500_000);
  while (setup.warnings().length === 0) {
    setup.time.endGuards();
    await settle();
  }
  expect((await fetching).sha256).toBe(setup.image.sha256);
  expect(setup.asked).toStrictEqual(["", `bytes=500000- ${etag}`]);
});

it("asks for the bytes as they are, and is sent on five times, not six", async () => {
  const setup = await DownloadFixture.create(10_000);
  const sendOn = (times: number): void => {
    setup.server.requests.length = 0;
    setup.server.answer = (request, response) => {
      if (setup.server.requests.length > times) return servingParts(setup.image)(request, response);
      response.writeHead(302, { location: "/elsewhere" }).end();
    };
  };
  sendOn(6);
  await expect(setup.fetch()).rejects.toMatchObject({ code: "too-many-redirects" });
  expect(setup.server.requests).toHaveLength(6);
  sendOn(5);
  expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
  expect(setup.server.requests.map(({ headers }) => headers["accept-encoding"])).toStrictEqual(
    Array(6).fill("identity"),
  );
});
