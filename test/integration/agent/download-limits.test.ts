import { stat } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DownloadFixture, etag, status } from "../../support/downloads.ts";
import { settle } from "../../support/fake-time.ts";
import { serving, testImage } from "../../support/image-server.ts";

const hour = 3_600_000;

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
    await expect(setup.fetch()).rejects.toMatchObject({ code, message: expect.stringContaining("Gave up after 1 d") });
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

  it("begins anew with the first attempt at other addresses, and counts on after the next restart", async () => {
    const setup = await DownloadFixture.create();
    setup.server.answer = status(503, { "retry-after": "3600" });
    await expect(setup.fetch()).rejects.toMatchObject({ code: "http-status" });
    const endedMs = setup.time.nowMs();
    await expect(setup.fetch()).rejects.toMatchObject({ code: "http-status" });
    expect(setup.time.nowMs()).toBe(endedMs);

    const stop = new AbortController();
    const after = setup.time.after.bind(setup.time);
    setup.time.after = async (delayMs, signal) => {
      await after(delayMs, signal);
      if (setup.time.nowMs() - endedMs >= 23 * hour) stop.abort();
    };
    await expect(setup.fetch({ isFirst: true }, stop.signal)).rejects.toThrow("aborted");
    setup.time.after = after;
    await expect(setup.fetch()).rejects.toMatchObject({ code: "http-status" });
    expect(setup.time.nowMs() - endedMs).toBe(24 * hour);
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
      /^Gave up after 1 d of attempts\. .* after 48000 of 1000000 bytes: the deadline passed/,
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
    expect(await setup.isWhole()).toBe(true);
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
  setup.thenGood((_request, response) => {
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
