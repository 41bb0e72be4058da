import { describe, expect, it } from "vitest";
import { noInstaller } from "../../../../agent/board/installers/none.ts";
import type { ErrorCode } from "../../../../agent/contract/codes.ts";
import { AgentError } from "../../../../agent/lib/errors.ts";
import type { FetchOrder, Staging } from "../../../../agent/update/ports.ts";
import { ImageWorkshop } from "../../../../agent/update/image-pipeline.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { digest, image, jobWith } from "../../../support/updates.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const day = 86_400_000;
const never = new AbortController().signal;

function workshop(untouchedMs: number | null, failure?: AgentError) {
  const time = new FakeTime();
  const calls: string[] = [];
  const orders: FetchOrder[] = [];
  const staging: Staging = {
    roomBytes: async () => 5_000,
    partialPath: async (sha256) => `/staging/${sha256}.part`,
    stagedPath: (sha256) => `/staging/${sha256}.image`,
    admit: async () => undefined,
    verify: async (sha256) => void calls.push(`verify ${sha256}`),
    clear: async (except) => void calls.push(`clear ${except.join()}`),
    keepPartial: async (sha256) => {
      calls.push(`keep ${sha256}`);
      return untouchedMs;
    },
  };
  const fetcher = {
    fetch: async (order: FetchOrder) => {
      orders.push(order);
      if (failure !== undefined) throw failure;
      return image;
    },
  };
  const ports = {
    fetcher,
    staging,
    installer: noInstaller(),
    ...fakeRuntime({ time }),
    largestImageBytes: 9_000,
    keepPartialMs: 7 * day,
  };
  return { time, calls, orders, workshop: new ImageWorkshop(ports) };
}

it("what is left of other images makes room for a new job, and what there is of its own stays", async () => {
  const { workshop: shop, calls } = workshop(null);
  await shop.admit(jobWith());
  expect(calls).toStrictEqual([`clear ${digest}`]);
});

it("an image is read once more before it is handed to an installer", async () => {
  const { workshop: shop, calls } = workshop(null);
  expect(await shop.open(jobWith(), image, never)).toMatchObject({ ...image, path: `/staging/${digest}.image` });
  expect(calls).toStrictEqual([`verify ${digest}`]);
});

it.each([
  ["bad-digest", jobWith(), { ...image, sha256: "b".repeat(64) }],
  ["bad-size", jobWith({ sizeBytes: image.sizeBytes + 1 }), image],
])("an image is not staged that is not what was asked for: %s", async (code, job, measured) => {
  await expect(workshop(null).workshop.stage(job, measured)).rejects.toMatchObject({ code });
});

describe("what a job leaves behind", () => {
  it("is removed at once where nothing is to be kept", async () => {
    const { workshop: shop, calls } = workshop(0);
    await shop.tidy(jobWith(), false, never);
    expect(calls).toStrictEqual(["clear "]);
  });

  it("stays until nobody has asked for it for so long", async () => {
    const { workshop: shop, calls, time } = workshop(2 * day);
    const tidying = shop.tidy(jobWith(), true, never);
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
    const { workshop: shop, calls } = workshop(untouchedMs);
    await shop.tidy(jobWith(), true, never);
    expect(calls).toStrictEqual([`keep ${digest}`, "clear "]);
  });

  it("is left to the job that comes meanwhile", async () => {
    const { workshop: shop, calls, time } = workshop(0);
    const stop = new AbortController();
    const tidying = shop.tidy(jobWith(), true, stop.signal);
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
  const made = workshop(null, new AgentError(code as ErrorCode, "It ended."));
  await expect(made.workshop.fetch(jobWith(), () => undefined, never)).rejects.toMatchObject({ code });
  expect(made.calls).toStrictEqual(expected);
});

it("orders an image from every address that it may come from", async () => {
  const { workshop: shop, orders } = workshop(null);
  const mirrors = ["https://b/x", "https://c/x"];
  await shop.fetch(jobWith({ mirrors, sizeBytes: 1_000 }), () => undefined, never);
  expect(orders).toStrictEqual([
    {
      operationId: "op-1",
      uris: [jobWith().uri, ...mirrors],
      sha256: digest,
      path: `/staging/${digest}.part`,
      sizeBytes: 1_000,
      largestBytes: 9_000,
      roomBytes: 5_000,
    },
  ]);
});
