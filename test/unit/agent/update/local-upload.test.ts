import { readFile, readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { kernelBootClock } from "../../../../agent/board/hardware/boot.ts";
import { FilePartialStore } from "../../../../agent/board/image/partial-store.ts";
import { StagingFolder } from "../../../../agent/board/image/staging.ts";
import { Downloader } from "../../../../agent/download/download.ts";
import type { ImageResponse, PartialImage, PartialStore, HttpSource } from "../../../../agent/download/ports.ts";
import { LocalUpload, type UploadedImage } from "../../../../agent/update/local-upload.ts";
import type { Image } from "../../../../agent/update/job.ts";
import { testImage } from "../../../support/image-server.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { FakeTrustGate } from "../../../support/fake-trust-gate.ts";
import { overriding } from "../../../support/overriding.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

class Setup {
  readonly image = testImage(300_000);
  readonly folder: string;
  readonly staging: StagingFolder;
  readonly #files = new FilePartialStore("boot-1", kernelBootClock);
  readonly partialStore: PartialStore = { open: (...what) => this.#open(...what) };
  #present = 0;
  readonly upload: LocalUpload;
  readonly trust = new FakeTrustGate();
  updating: string | null = null;

  constructor(folder: string, { keepFreeBytes = 0, maxImageBytes = 1e6 } = {}) {
    this.folder = folder;
    this.staging = new StagingFolder(folder, keepFreeBytes);
    this.upload = new LocalUpload({
      staging: this.staging,
      partialStore: this.partialStore,
      maxImageBytes,
      trust: this.trust,
      runningUpdateId: () => this.updating,
      ...fakeRuntime(),
    });
  }

  /** Uploads the image, or other content under its digest, in three pieces. */
  async receive({ content = this.image.content, midway = (): void | Promise<void> => undefined } = {}): Promise<
    [number, unknown]
  > {
    const third = Math.ceil(content.length / 3);
    async function* body(): UploadedImage["body"] {
      yield content.subarray(0, third);
      await midway();
      yield content.subarray(third, 2 * third);
      yield content.subarray(2 * third);
    }
    const { sha256, sizeBytes } = this.image;
    const upload = { sha256, sizeBytes, body: body() };
    const { status, payload } = await this.upload.receive(upload, new AbortController().signal);
    const error = payload["error"] as { code: string } | undefined;
    return [status, error?.code];
  }

  /** How many had the file open at once, at the most. */
  mostOpen = 0;

  async #open(...what: Parameters<PartialStore["open"]>): Promise<PartialImage> {
    const partial = await this.#files.open(...what);
    this.mostOpen = Math.max(this.mostOpen, (this.#present += 1));
    const close = async (): Promise<void> => {
      await partial.close();
      this.#present -= 1;
    };
    return overriding(partial, { close });
  }

  /** Fetches the same image for an update, from whatever answers. */
  async fetch(get: HttpSource["get"], signal: AbortSignal = new AbortController().signal): Promise<Image> {
    const time = new FakeTime();
    const ports = {
      source: { get },
      partialStore: this.partialStore,
      ...fakeRuntime({ time }),
    };
    const download = new Downloader(ports, { deadlineMs: 0, silenceMs: 1, minBytes: 1, bytesPerSecond: 0 });
    const { sha256, sizeBytes } = this.image;
    const path = await this.staging.partialPath(sha256);
    const order = { operationId: "op-1", uris: ["file:///media/usb/x"], sha256, path, sizeBytes, isFirst: true };
    const limits = { maxBytes: 1e6, availableBytes: 1e6 };
    return await this.upload.preemptedBy(download).download({ ...order, ...limits }, () => undefined, signal);
  }

  /** What a server answers to whoever asks for the rest of the image. */
  rest(
    { fromBytes }: { readonly fromBytes: number },
    body: ImageResponse["body"] = one(this.image.content.subarray(fromBytes)),
  ): ImageResponse {
    const { sizeBytes } = this.image;
    const contentRange = fromBytes > 0 ? `bytes ${fromBytes}-${sizeBytes - 1}/${sizeBytes}` : null;
    const names = { etag: null, lastModified: null, date: null, retryAfter: null };
    const headers = { ...names, contentLength: String(sizeBytes - fromBytes), contentRange };
    const status = fromBytes > 0 ? 206 : 200;
    return { address: "https://images.example/x", status, headers, isLengthKnown: true, body, close: () => undefined };
  }

  names(): Promise<string[]> {
    return readdir(this.folder);
  }
}

async function* one(piece: Uint8Array): ImageResponse["body"] & AsyncGenerator<Uint8Array> {
  yield piece;
}

async function setup(options?: { keepFreeBytes?: number; maxImageBytes?: number }): Promise<Setup> {
  return new Setup(await temporaryFolder(), options);
}

describe("a local upload", () => {
  it("is stored where a finished download would be, so the update requests nothing from a server", async () => {
    const made = await setup();
    expect(await made.receive()).toEqual([200, undefined]);
    const path = await made.staging.partialPath(made.image.sha256);
    expect((await readFile(path)).equals(made.image.content)).toBe(true);
    const fetched = made.fetch(() => Promise.reject(new Error("a server was asked")));
    const { sha256, sizeBytes } = made.image;
    expect(await fetched).toEqual({ sha256, sizeBytes });
  });

  it("replaces the bytes of an earlier download", async () => {
    const made = await setup();
    const partial = await made.partialStore.open(
      await made.staging.partialPath(made.image.sha256),
      "op-0",
      new AbortController().signal,
    );
    await partial.append(Buffer.from("something else"));
    await partial.close();
    expect(await made.receive()).toEqual([200, undefined]);
  });

  it("stays when the leftovers of earlier updates are removed, until an update for another image is requested", async () => {
    const made = await setup();
    const other = "a".repeat(64);
    const midway = async (): Promise<void> => {
      await made.staging.removeAllExcept([], made.upload.protectedImages);
      await made.staging.removeAllButPartial(other, made.upload.protectedImages);
    };
    expect(await made.receive({ midway })).toEqual([200, undefined]);
    await made.staging.removeAllExcept([], made.upload.protectedImages);
    expect((await made.names()).length).toBeGreaterThan(0);
    made.updating = "op-1";
    await made.staging.removeAllExcept([other], made.upload.protectedImages);
    expect(await made.names()).toEqual([]);
  });

  it("is discarded when no update uses it, and kept when one does", async () => {
    const made = await setup();
    await made.receive();
    made.updating = "op-1";
    await made.upload.discardUnclaimed();
    expect(await made.names()).not.toEqual([]);
    made.updating = null;
    await made.receive();
    await made.upload.discardUnclaimed();
    expect(await made.names()).toEqual([]);
  });
});

describe("a refused upload", () => {
  it("with another digest leaves nothing", async () => {
    const made = await setup();
    expect(await made.receive({ content: made.image.content.subarray(1) })).toEqual([400, "bad-digest"]);
    expect(await made.names()).toEqual([]);
  });

  it.each([
    ["larger than the board accepts", { maxImageBytes: 299_999 }, [400, "image-too-large"]],
    ["larger than the free space of the disk", { keepFreeBytes: 2 ** 60 }, [507, "no-space"]],
  ] as const)("%s", async (_why, options, expected) => {
    expect(await (await setup(options)).receive()).toEqual(expected);
  });

  it("is refused before its bytes are written where the metadata on the board refuses it, or the board trusts nobody", async () => {
    const made = await setup();
    made.trust.trust();
    made.trust.atOnce = { status: 403, code: "not-signed", message: "Nobody has signed it." };
    expect(await made.receive()).toEqual([403, "not-signed"]);
    made.trust.change({ rule: "nothing" });
    expect(await made.receive()).toEqual([403, "trust-root-missing"]);
    expect(made.mostOpen).toBe(0);
    made.trust.atOnce = undefined;
    made.trust.change({ rule: "signed" });
    expect(await made.receive()).toEqual([200, undefined]);
  });

  it("while an update runs, or when one begins meanwhile: its file is not touched any more", async () => {
    const made = await setup();
    made.updating = "op-1";
    expect(await made.receive()).toEqual([409, "update-running"]);
    made.updating = null;
    expect(await made.receive({ midway: () => void (made.updating = "op-2") })).toEqual([409, "update-running"]);
    expect(await made.names()).not.toEqual([]);
  });

  it("while an update downloads, without waiting for its end", async () => {
    const made = await setup();
    made.updating = "op-1";
    const stop = new AbortController();
    let begin: () => void = () => undefined;
    const isUnderWay = new Promise<void>((resolve) => (begin = resolve));
    const fetched = made.fetch((_request, signal) => {
      begin();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
    }, stop.signal);
    fetched.catch(() => undefined);
    await isUnderWay;
    const reply = made.receive();
    expect(await Promise.race([reply, settle()])).toEqual([409, "update-running"]);
    stop.abort();
    await expect(fetched).rejects.toThrow("aborted");
  });

  it("while another image is being uploaded", async () => {
    const made = await setup();
    const both = await Promise.all([made.receive(), made.receive()]);
    expect(both).toContainEqual([409, "update-running"]);
    expect(both).toContainEqual([200, undefined]);
  });
});

describe("an update for the image that is being uploaded", () => {
  it("aborts an upload that stalls, and resumes from its bytes", async () => {
    const made = await setup();
    const { image } = made;
    const half = image.content.subarray(0, 150_000);
    let reachHalfway: () => void = () => undefined;
    const isHalfway = new Promise<void>((resolve) => (reachHalfway = resolve));
    async function* stalled(): UploadedImage["body"] & AsyncGenerator<Uint8Array> {
      yield half;
      reachHalfway();
      await new Promise(() => undefined);
    }
    const { sha256, sizeBytes } = image;
    const reply = made.upload.receive({ sha256, sizeBytes, body: stalled() }, new AbortController().signal);
    await isHalfway;
    made.updating = "op-1";
    const asked: number[] = [];
    const fetched = made.fetch(async (request) => {
      asked.push(request.fromBytes);
      return made.rest(request);
    });
    expect(await reply).toMatchObject({ status: 409 });
    expect(await fetched).toEqual({ sha256, sizeBytes });
    expect([asked, made.mostOpen]).toEqual([[150_000], 1]);
    expect((await readFile(await made.staging.partialPath(sha256))).equals(image.content)).toBe(true);
  });

  it("that was cancelled and has not closed its file yet: an upload waits for that", async () => {
    const made = await setup();
    const { sha256 } = made.image;
    const stop = new AbortController();
    let goOn: () => void = () => undefined;
    let begin: () => void = () => undefined;
    const isUnderWay = new Promise<void>((resolve) => (begin = resolve));
    made.updating = "op-1";
    async function* body(): ImageResponse["body"] & AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100_000, "x");
      begin();
      await new Promise<void>((resolve) => (goOn = resolve));
      yield Buffer.alloc(100_000, "y");
    }
    const fetched = made.fetch(async (request) => made.rest(request, body()), stop.signal).catch(() => "stopped");
    await isUnderWay;
    expect(await made.receive()).toEqual([409, "update-running"]); // At once, however long the download takes.
    made.updating = null; // Cancelled: the update has ended, its download not yet.
    stop.abort();
    const reply = made.receive();
    goOn();
    expect([await fetched, await reply]).toEqual(["stopped", [200, undefined]]);
    expect(made.mostOpen).toBe(1);
    expect((await readFile(await made.staging.partialPath(sha256))).equals(made.image.content)).toBe(true);
  });
});
