import { readFile, readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { kernelBootClock } from "../../../../agent/board/boot.ts";
import { PartialFiles } from "../../../../agent/board/partial-file.ts";
import { FolderStaging } from "../../../../agent/board/staging.ts";
import { Download } from "../../../../agent/update/download/download.ts";
import { ImageIntake, type HandedIn } from "../../../../agent/update/intake.ts";
import { testImage } from "../../../support/image-server.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { quiet } from "../../../support/journals.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

class Scene {
  readonly image = testImage(300_000);
  readonly folder: string;
  readonly staging: FolderStaging;
  readonly partials = new PartialFiles("boot-1", kernelBootClock);
  readonly intake: ImageIntake;
  updating: string | null = null;

  constructor(folder: string, { keepFreeBytes = 0, largestImageBytes = 1e6 } = {}) {
    this.folder = folder;
    this.staging = new FolderStaging(folder, keepFreeBytes);
    this.intake = new ImageIntake({
      staging: this.staging,
      partials: this.partials,
      largestImageBytes,
      updating: () => this.updating,
      log: quiet,
    });
  }

  /** Hands in the image, or another content under its name, in three pieces. */
  async handIn({ content = this.image.content, midway = (): void => undefined } = {}): Promise<[number, unknown]> {
    const third = Math.ceil(content.length / 3);
    async function* body(): HandedIn["body"] {
      yield content.subarray(0, third);
      midway();
      yield content.subarray(third, 2 * third);
      yield content.subarray(2 * third);
    }
    const { sha256, sizeBytes } = this.image;
    const offer = { sha256, sizeBytes, body: body() };
    const { status, payload } = await this.intake.take(offer, new AbortController().signal);
    const error = payload["error"] as { code: string } | undefined;
    return [status, error?.code];
  }

  names(): Promise<string[]> {
    return readdir(this.folder);
  }
}

async function scene(options?: { keepFreeBytes?: number; largestImageBytes?: number }): Promise<Scene> {
  return new Scene(await temporaryFolder(), options);
}

describe("an image that is handed in", () => {
  it("lies where a download would have left it, so that nothing is left to fetch", async () => {
    const made = await scene();
    expect(await made.handIn()).toEqual([200, undefined]);
    const path = await made.staging.partialPath(made.image.sha256);
    expect((await readFile(path)).equals(made.image.content)).toBe(true);
    const time = new FakeTime();
    const source = { get: () => Promise.reject(new Error("a server was asked")) };
    const ports = { source, partials: made.partials, timer: time, bootClock: time, random: () => 0, log: quiet };
    const download = new Download(ports, { deadlineMs: 0, silenceMs: 1, leastBytes: 1, bytesPerSecond: 0 });
    const { sha256, sizeBytes } = made.image;
    const order = { operationId: "op-1", uris: ["file:///media/usb/x"], sha256, path, sizeBytes };
    const limits = { largestBytes: 1e6, roomBytes: 1e6 };
    const fetched = download.fetch({ ...order, ...limits }, () => undefined, new AbortController().signal);
    expect(await fetched).toEqual({ sha256, sizeBytes });
  });

  it("takes the place of what was fetched of it", async () => {
    const made = await scene();
    const partial = await made.partials.open(
      await made.staging.partialPath(made.image.sha256),
      "op-0",
      new AbortController().signal,
    );
    await partial.append(Buffer.from("something else"));
    await partial.close();
    expect(await made.handIn()).toEqual([200, undefined]);
  });

  it("is thrown away when no update takes it up, and kept when one does", async () => {
    const made = await scene();
    await made.handIn();
    made.updating = "op-1";
    await made.intake.settle();
    expect(await made.names()).not.toEqual([]);
    made.updating = null;
    await made.handIn();
    await made.intake.settle();
    expect(await made.names()).toEqual([]);
  });
});

describe("an image that is refused", () => {
  it("because it is another one, leaves nothing", async () => {
    const made = await scene();
    expect(await made.handIn({ content: made.image.content.subarray(1) })).toEqual([400, "bad-digest"]);
    expect(await made.names()).toEqual([]);
  });

  it.each([
    ["larger than the board accepts", { largestImageBytes: 299_999 }, [400, "image-too-large"]],
    ["larger than the disk has room for", { keepFreeBytes: 2 ** 60 }, [507, "no-space"]],
  ] as const)("because it is %s", async (_why, options, expected) => {
    expect(await (await scene(options)).handIn()).toEqual(expected);
  });

  it("because an update runs, or begins meanwhile: its file is not touched any more", async () => {
    const made = await scene();
    made.updating = "op-1";
    expect(await made.handIn()).toEqual([409, "update-running"]);
    made.updating = null;
    expect(await made.handIn({ midway: () => void (made.updating = "op-2") })).toEqual([409, "update-running"]);
    expect(await made.names()).not.toEqual([]);
  });

  it("because another one is being handed in", async () => {
    const made = await scene();
    const both = await Promise.all([made.handIn(), made.handIn()]);
    expect(both).toContainEqual([409, "update-running"]);
    expect(both).toContainEqual([200, undefined]);
  });
});
