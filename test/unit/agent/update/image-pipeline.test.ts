import { describe, expect, it } from "vitest";
import { noInstaller } from "../../../../agent/board/installers/none.ts";
import type { ErrorCode } from "../../../../agent/contract/codes.ts";
import { AgentError } from "../../../../agent/lib/errors.ts";
import type { DownloadRequest, StagingArea } from "../../../../agent/update/ports.ts";
import { StagingPipeline } from "../../../../agent/update/image-pipeline.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { digest, image, jobWith } from "../../../support/updates.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const day = 86_400_000;
const never = new AbortController().signal;

function pipeline(untouchedMs: number | null, failure?: AgentError, uploaded: readonly string[] = []) {
  const time = new FakeTime();
  const calls: string[] = [];
  const orders: DownloadRequest[] = [];
  const staging: StagingArea = {
    availableBytes: async () => 5_000,
    partialPath: async (sha256) => `/staging/${sha256}.part`,
    stagedPath: (sha256) => `/staging/${sha256}.image`,
    promote: async () => undefined,
    read: async function* (sha256, fromByte) {
      yield Buffer.from(`${sha256} from ${fromByte}`);
    },
    verify: async (sha256) => void calls.push(`verify ${sha256}`),
    discard: async (sha256) => void calls.push(`discard ${sha256}`),
    removeAllExcept: async (except, spared = []) => void calls.push(`clear ${[...except, ...spared].join()}`),
    removeAllButPartial: async (sha256, spared = []) => {
      calls.push(`keep ${[sha256, ...spared].join()}`);
      return untouchedMs;
    },
  };
  const downloader = {
    download: async (order: DownloadRequest) => {
      orders.push(order);
      if (failure !== undefined) throw failure;
      return image;
    },
  };
  const ports = {
    downloader,
    staging,
    installer: noInstaller(),
    ...fakeRuntime({ time }),
    maxImageBytes: 9_000,
    protectedPartials: () => uploaded,
    keepPartialMs: 7 * day,
  };
  return { time, calls, orders, pipeline: new StagingPipeline(ports) };
}

it("what is left of other images makes room for a new job, and what there is of its own stays", async () => {
  const { pipeline: shop, calls } = pipeline(null);
  await shop.reserveSpace(jobWith());
  expect(calls).toStrictEqual([`clear ${digest}`]);
});

it("an image is read once more before it is handed to an installer", async () => {
  const { pipeline: shop, calls } = pipeline(null);
  expect(await shop.openVerified(jobWith(), image, never)).toMatchObject({
    ...image,
    path: `/staging/${digest}.image`,
  });
  expect(calls).toStrictEqual([`verify ${digest}`]);
});

it.each([
  ["bad-digest", jobWith(), { ...image, sha256: "b".repeat(64) }],
  ["bad-size", jobWith({ sizeBytes: image.sizeBytes + 1 }), image],
])("an image is not staged that is not what was asked for: %s", async (code, job, measured) => {
  await expect(pipeline(null).pipeline.checkAndStage(job, measured)).rejects.toMatchObject({ code });
});

it("a signed image that was changed on its server is told as that: no request named its digest", async () => {
  const changed = { ...image, sha256: "b".repeat(64) };
  await expect(pipeline(null).pipeline.checkAndStage(jobWith({ target: { epoch: 1 } }), changed)).rejects.toMatchObject(
    {
      code: "bad-digest",
      message: expect.stringContaining(`but ${digest} is signed. The server's copy was changed or damaged`),
    },
  );
});

describe("what a job leaves behind", () => {
  it("is removed at once where nothing is to be kept", async () => {
    const { pipeline: shop, calls } = pipeline(0);
    await shop.cleanUp(jobWith(), false, never);
    expect(calls).toStrictEqual(["clear "]);
  });

  it("stays until nobody has asked for it for so long", async () => {
    const { pipeline: shop, calls, time } = pipeline(2 * day);
    const tidying = shop.cleanUp(jobWith(), true, never);
    await time.advance(5 * day - 1);
    expect(calls).toStrictEqual([`keep ${digest}`]);
    await time.advance(1);
    await tidying;
    expect(calls).toStrictEqual([`keep ${digest}`, "clear "]);
  });

  it.each([
    ["is too old", 7 * day],
    ["is not there", null],
  ])("is removed at once when it %s", async (_what, untouchedMs) => {
    const { pipeline: shop, calls } = pipeline(untouchedMs);
    await shop.cleanUp(jobWith(), true, never);
    expect(calls).toStrictEqual([`keep ${digest}`, "clear "]);
  });

  it("is all that is removed: an image that was uploaded meanwhile stays", async () => {
    const { pipeline: shop, calls } = pipeline(null, undefined, ["uploaded"]);
    await shop.cleanUp(jobWith(), true, never);
    expect(calls).toStrictEqual([`keep ${digest},uploaded`, "clear uploaded"]);
  });

  it("is left to the job that comes meanwhile", async () => {
    const { pipeline: shop, calls, time } = pipeline(0);
    const stop = new AbortController();
    const tidying = shop.cleanUp(jobWith(), true, stop.signal);
    await settle();
    expect(time.sleepers).toBe(1);
    stop.abort();
    await expect(tidying).rejects.toThrow("aborted");
    expect(calls).toStrictEqual([`keep ${digest}`]);
  });
});

it.each<[string, string[]]>([
  ["no-space", ["clear "]], // Or nothing could be saved any more.
  ["unreachable", []],
])("gives the bytes of a download free at once that has ended with %s: %j", async (code, expected) => {
  const made = pipeline(null, new AgentError(code as ErrorCode, "It ended."));
  await expect(made.pipeline.download(jobWith(), true, () => undefined, never)).rejects.toMatchObject({ code });
  expect(made.calls).toStrictEqual(expected);
});

it("orders an image from every address that it may come from", async () => {
  const { pipeline: shop, orders } = pipeline(null);
  const mirrors = ["https://b/x", "https://c/x"];
  await shop.download(jobWith({ mirrors, sizeBytes: 1_000 }), true, () => undefined, never);
  expect(orders).toStrictEqual([
    {
      operationId: "op-1",
      uris: [jobWith().uri, ...mirrors],
      isFirst: true,
      sha256: digest,
      path: `/staging/${digest}.part`,
      sizeBytes: 1_000,
      maxBytes: 9_000,
      availableBytes: 5_000,
    },
  ]);
});
