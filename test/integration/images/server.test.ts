import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdir, readFile, readdir, readlink, utimes, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { publishImage } from "../../../service-tools/images/publish.ts";
import type { PublishedImage } from "../../../service-tools/images/publish.ts";
import type { LocalHub, LocalHubOptions } from "../../../service-tools/local-hub/options.ts";
import { testHub } from "../../support/local-hub.ts";
import { rawHttps } from "../../support/raw-https.ts";
import type { RawAnswer } from "../../support/raw-https.ts";
import { specialFiles } from "../../support/special-files.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const TEXT = "0123456789";
const digestOf = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

interface ImageServer {
  readonly hub: LocalHub;
  readonly image: PublishedImage;
}

async function startServer(
  content: string | Buffer = TEXT,
  options: Partial<LocalHubOptions> = {},
): Promise<ImageServer> {
  const hub = await testHub(options);
  return { hub, image: await publish(hub, content) };
}

async function publish(hub: LocalHub, content: string | Buffer, name = "firmware 1.img"): Promise<PublishedImage> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, content);
  return publishImage(hub.folder, hub.imagesUrl, file);
}

async function get(
  { hub, image }: ImageServer,
  headers: Record<string, string> = {},
  method = "GET",
  path = new URL(image.url).pathname,
): Promise<RawAnswer> {
  return rawHttps(hub.ports.images, hub.ca, { method, path, headers });
}

describe("a published image", () => {
  it("is known by its URL, size and SHA-256", async () => {
    const { hub, image } = await startServer();
    const sha256 = digestOf(TEXT);
    expect(image).toEqual({ url: `${hub.imagesUrl}${sha256.slice(0, 16)}/firmware%201.img`, size: 10, sha256 });
  });

  it("comes whole, with what a client needs to go on later", async () => {
    const { status, headers, body } = await get(await startServer());
    expect(body).toBe(TEXT);
    expect({ status, ...headers }).toMatchObject({
      status: 200,
      "content-length": "10",
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      etag: `"${digestOf(TEXT).slice(0, 16)}"`,
      "last-modified": expect.stringMatching(/ GMT$/),
    });
  });

  it("may be empty", async () => {
    const { status, headers, body } = await get(await startServer(""));
    expect({ status, length: headers["content-length"], body }).toEqual({ status: 200, length: "0", body: "" });
  });

  it("of many chunks comes as it was published", async () => {
    const content = Buffer.alloc(5_000_001, "boardkeeper ");
    const { body } = await get(await startServer(content));
    expect(digestOf(body)).toBe(digestOf(content));
  });

  it("keeps its address, and another one under the same name has another", async () => {
    const { hub, image } = await startServer();
    const again = await publish(hub, TEXT);
    const other = await publish(hub, "9876543210");
    expect(again).toEqual(image);
    expect(other.url).not.toBe(image.url);
    expect((await get({ hub, image })).body).toBe(TEXT);
    expect((await get({ hub, image: other })).body).toBe("9876543210");
  });

  it("is still there after a restart", async () => {
    const { hub, image } = await startServer();
    await hub.stop();
    expect((await get({ hub: await testHub({ folder: hub.folder }), image })).body).toBe(TEXT);
  });
});

describe("HEAD", () => {
  it("is answered like GET, without the image", async () => {
    const known = await startServer();
    const [head, whole] = [await get(known, {}, "HEAD"), await get(known)];
    expect(head).toEqual({ ...whole, body: "", headers: { ...whole.headers, date: expect.any(String) } });
  });
});

describe("a part", () => {
  const etag = `"${digestOf(TEXT).slice(0, 16)}"`;

  it.each<{ headers: Record<string, string>; status: number; range?: string; body: string }>([
    { headers: { range: "bytes=2-4" }, status: 206, range: "bytes 2-4/10", body: "234" },
    { headers: { range: "bytes=7-" }, status: 206, range: "bytes 7-9/10", body: "789" },
    { headers: { range: "bytes=-2" }, status: 206, range: "bytes 8-9/10", body: "89" },
    { headers: { range: "bytes=10-" }, status: 416, range: "bytes */10", body: "" },
    { headers: { range: "bytes=0-1,3-4" }, status: 200, body: TEXT },
    { headers: { range: "bytes=7-", "if-range": etag }, status: 206, range: "bytes 7-9/10", body: "789" },
    { headers: { range: "bytes=7-", "if-range": '"another"' }, status: 200, body: TEXT },
    { headers: { "if-none-match": etag }, status: 304, body: "" },
    { headers: { "if-none-match": '"another"' }, status: 200, body: TEXT },
  ])("$headers is $status", async ({ headers, status, range, body }) => {
    const answer = await get(await startServer(), headers);
    expect({ status: answer.status, range: answer.headers["content-range"], body: answer.body }).toEqual({
      status,
      range,
      body,
    });
  });
});

describe("nothing else is served", () => {
  it.each([
    "/",
    "/ca-key.pem",
    "/../policies.json",
    "/%2e%2e/policies.json",
    "/..%2fpolicies.json",
    "/0123456789abcdef/",
    "/0123456789abcdef/..%2f..%2fpolicies.json",
    "/0123456789abcdef/firmware.img",
    "/%",
  ])("%s is 404", async (path) => {
    expect((await get(await startServer(), {}, "GET", path)).status).toBe(404);
  });

  it("and to GET and HEAD only", async () => {
    const { status, headers } = await get(await startServer(), {}, "PUT");
    expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: "GET, HEAD" });
  });

  it("not what is still being copied", async () => {
    const known = await startServer();
    await writeFile(join(known.hub.folder, "images", ".0a1b2c3d4e5f.writing"), TEXT);
    expect((await get(known, {}, "GET", "/.0a1b2c3d4e5f.writing")).status).toBe(404);
  });
});

describe("a client that goes away in the middle", () => {
  it("is noted, leaves no file open, and does not disturb the next one", async () => {
    const log = new EventEmitter();
    const known = await startServer(Buffer.alloc(50_000_000, "x"), { log: (entry) => log.emit(entry.message, entry) });
    const noted = once(log, "image not served");
    const { pathname } = new URL(known.image.url);
    const asked = request({ host: "localhost", port: known.hub.ports.images, ca: known.hub.ca, path: pathname });
    asked.on("error", () => undefined);
    asked.on("response", (answer) => answer.once("data", () => asked.destroy()));
    asked.end();
    expect(await noted).toMatchObject([{ level: "warn", url: pathname }]);
    expect(await openFiles(join(known.hub.folder, "images"))).toEqual([]);
    expect((await get(known, { range: "bytes=0-4" })).body).toBe("xxxxx");
  });
});

describe("publishing", () => {
  it.each(specialFiles)("refuses %s at once", async (_what, make) => {
    const hub = await testHub();
    const path = join(await temporaryFolder(), "image");
    await make(path);
    await expect(publishImage(hub.folder, hub.imagesUrl, path)).rejects.toThrow("it is not a regular file");
    expect(await readdir(join(hub.folder, "images"))).toEqual([]);
  });

  it("refuses what is no file, and what is not there", async () => {
    const hub = await testHub();
    await expect(publishImage(hub.folder, hub.imagesUrl, hub.folder)).rejects.toThrow("it is not a regular file");
    await expect(publishImage(hub.folder, hub.imagesUrl, "/nowhere")).rejects.toThrow("ENOENT");
    expect(await readdir(join(hub.folder, "images"))).toEqual([]);
  });

  it("clears away what a publisher that was killed has left a day ago", async () => {
    const hub = await testHub();
    const folder = join(hub.folder, "images");
    await mkdir(folder);
    const [abandoned, underWay] = [join(folder, ".aaaaaaaaaaaa.writing"), join(folder, ".bbbbbbbbbbbb.writing")];
    await Promise.all([writeFile(abandoned, TEXT), writeFile(underWay, TEXT)]);
    const longAgo = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(abandoned, longAgo, longAgo);
    const { url } = await publish(hub, TEXT);
    expect((await readdir(folder)).sort()).toEqual([basename(underWay), new URL(url).pathname.split("/")[1]]);
    expect(await readFile(underWay, "utf8")).toBe(TEXT);
  });
});

/** The files below a folder that this process has open. */
async function openFiles(folder: string): Promise<string[]> {
  const descriptors = await readdir("/proc/self/fd");
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return paths.filter((path) => path.startsWith(folder));
}
