import { describe, expect, it } from "vitest";
import { DownloadFixture, etag, status, type DownloadHandler } from "../../support/downloads.ts";
import { settle } from "../../support/fake-time.ts";
import { cutOff, serving, servingParts, testImage } from "../../support/image-server.ts";

describe("a server", () => {
  it("that ignores ranges is taken from its first byte", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.server.answer = serving(setup.image);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(await setup.isWhole()).toBe(true);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, "bytes=600000-"]);
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

  it.each<[what: string, answer: DownloadHandler]>([
    ["has no such part (416)", status(416, { "content-range": "bytes */100" })],
    ["sends another part", part("bytes 599999-999999/1000000")],
    ["sends a part of another total", part("bytes 600000-999999/2000000")],
    ["does not say which part it sends", part(undefined)],
  ])("that %s is asked for all of it", async (_what, answer) => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.thenGood(answer);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, ""]);
  });

  it.each<[what: string, answer: DownloadHandler]>([
    ["says that the file has changed (412)", status(412)],
    ["sends all of it under another name", status(200, { etag: '"v1-gzip"', "content-length": "1000000" })],
  ])("that %s is asked for the rest without a condition", async (_what, answer) => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.thenGood(answer);
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, "bytes=600000-"]);
    expect(await setup.isWhole()).toBe(true);
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
    setup.thenGood((_request, response) => {
      response.writeHead(206, { "content-range": "bytes 600000-699999/1000000", "content-length": 100_000, etag });
      response.end(setup.image.content.subarray(600_000, 700_000));
    });
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual([`bytes=600000- ${etag}`, `bytes=700000- ${etag}`]);
  });

  it("that sends more than its part is not believed", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.thenGood((_request, response) => {
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
    setup.thenGood((_request, response) => {
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
      (image: Buffer): DownloadHandler =>
        (_request, response) =>
          void response.end(image),
    ],
    [
      "sends",
      (image: Buffer): DownloadHandler =>
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

  it.each<[what: string, answer: (setup: DownloadFixture) => DownloadHandler, bytes: number]>([
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
      setup.thenGood((request, response) => {
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
  setup.thenGood((_request, response) => {
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

function part(contentRange: string | undefined, headers: Record<string, string> = {}): DownloadHandler {
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
    setup.thenGood(status(code), status(code));
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.server.requests).toHaveLength(3);
    expect(setup.time.waits).toStrictEqual([1_000, 1_000]);
    expect(setup.warnings()).toHaveLength(1);
  });

  it("with Retry-After is waited out for as long as it says, minute by minute, and the reason is reported", async () => {
    const setup = await DownloadFixture.create();
    setup.thenGood(status(503, { "retry-after": "150" }));
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
    setup.thenGood(status(429, { date, "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT" }));
    await setup.fetch();
    expect(setup.time.waits).toStrictEqual([30_000]);
  });
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
