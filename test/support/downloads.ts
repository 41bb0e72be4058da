import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HttpsSource } from "../../agent/board/image/https-source.ts";
import { FilePartialStore } from "../../agent/board/image/partial-store.ts";
import { createLog } from "../../agent/lib/log.ts";
import { Downloader, type DownloadLimits } from "../../agent/download/download.ts";
import type { Image } from "../../agent/update/job.ts";
import type { DownloadRequest } from "../../agent/update/ports.ts";
import type { DownloadProgress } from "../../agent/update/update-snapshot.ts";
import {
  imageServer,
  servingParts,
  testImage,
  type ImageServer,
  type PartsOptions,
  type TestImage,
} from "./image-server.ts";
import { SkippingTime } from "./skipping-time.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { fakeRuntime } from "./fake-runtime.ts";

/** Of no length that anything else waits for. */
const silenceMs = 45_000;

const terms: DownloadLimits = { deadlineMs: 86_400_000, silenceMs, minBytes: 1_024, bytesPerSecond: 0 };

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [key: string]: unknown;
}

export type DownloadHandler = ImageServer["answer"];

/** The ETag of what a good server serves here. */
export const etag = '"v1"';

/** A handler that answers with this status, and nothing else. */
export const status =
  (code: number, headers: Record<string, string> = {}): DownloadHandler =>
  (_request, response) =>
    void response.writeHead(code, headers).end();

/** A board's download over real sockets and a real disk, in a time that passes as soon as somebody waits. */
export class DownloadFixture {
  readonly image: TestImage;
  readonly server: ImageServer;
  readonly path: string;
  readonly time = new SkippingTime(silenceMs);
  readonly lines: LogLine[] = [];
  readonly progress: DownloadProgress[] = [];
  terms: DownloadLimits = terms;
  random = 0;
  bootId = "boot-1";
  /** Of other servers that it trusts, as PEM. */
  otherCa = "";
  #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  #receivedBytes = 0;

  private constructor(image: TestImage, server: ImageServer, folder: string) {
    this.image = image;
    this.server = server;
    this.path = join(folder, `${image.sha256}.part`);
  }

  static async create(sizeBytes = 1_000_000): Promise<DownloadFixture> {
    const image = testImage(sizeBytes);
    return new DownloadFixture(image, await imageServer(servingParts(image)), await temporaryFolder());
  }

  get uri(): string {
    return `${this.server.origin}/board.img?sig=secret`;
  }

  /** What each request has asked for: the part, and of which content. */
  get asked(): string[] {
    return this.server.requests.map(({ headers }) =>
      [headers.range, headers["if-range"]].filter((one) => one !== undefined).join(" "),
    );
  }

  warnings(): LogLine[] {
    return this.lines.filter(({ level }) => level === "warn");
  }

  /** Resolves as soon as so many bytes are on disk. */
  received(bytes: number): Promise<void> {
    if (this.#receivedBytes >= bytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  /** A good server that cuts connections, once what it has let out has arrived. */
  parts(options: PartsOptions = {}): ImageServer["answer"] {
    return servingParts(this.image, { etag, arrived: (bytes) => this.received(bytes), ...options });
  }

  /** Answers of this kind to the first requests, then good ones. */
  thenGood(...first: DownloadHandler[]): void {
    this.server.answer = (request, response) => {
      const answer = first.shift() ?? this.parts();
      answer(request, response);
    };
  }

  /** Whether the file on the disk is the image, byte for byte. */
  async isWhole(): Promise<boolean> {
    return (await readFile(this.path)).equals(this.image.content);
  }

  /** Fetches as an agent does that was just started: what it knows lies on disk. */
  fetch(changes: Partial<DownloadRequest> = {}, signal: AbortSignal = new AbortController().signal): Promise<Image> {
    const { server, time } = this;
    const log = createLog("debug", { write: (line) => void this.lines.push(JSON.parse(line) as LogLine) });
    const download = new Downloader(
      {
        source: new HttpsSource({ allowHttp: false, ca: `${server.ca}\n${this.otherCa}`, userAgent: "test" }),
        partialStore: new FilePartialStore(this.bootId, time),
        ...fakeRuntime({ timer: time, bootClock: time, random: () => this.random, log }),
      },
      this.terms,
    );
    const order = {
      operationId: "op-1",
      uris: [this.uri],
      sha256: this.image.sha256,
      path: this.path,
      isFirst: false,
      sizeBytes: null,
      maxBytes: 2 ** 40,
      availableBytes: 2 ** 40,
      ...changes,
    };
    const note = (progress: DownloadProgress): void => {
      this.progress.push(progress);
      this.#receivedBytes = progress.receivedBytes;
      const reached = this.#waiting.filter(({ bytes }) => bytes <= progress.receivedBytes);
      this.#waiting = this.#waiting.filter((one) => !reached.includes(one));
      for (const { resolve } of reached) resolve();
    };
    return download.download(order, note, signal);
  }

  /** Fetches until so many bytes are on disk, and is stopped there as by SIGTERM. */
  async fetchUntil(bytes: number, changes: Partial<DownloadRequest> = {}): Promise<void> {
    const { answer } = this.server;
    const stop = new AbortController();
    const never = new Promise<void>(() => undefined);
    this.server.answer = this.parts({ cutAfter: () => bytes, arrived: () => never });
    const fetching = this.fetch(changes, stop.signal).catch(() => undefined);
    await this.received(bytes);
    stop.abort();
    await fetching;
    this.#receivedBytes = 0;
    this.server.answer = answer;
    this.server.requests.length = 0;
    this.lines.length = 0;
    this.progress.length = 0;
    this.time.waits.length = 0;
  }
}
