import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AuthorityFile } from "../../../agent/board/fs/authority-file.ts";
import { HttpsSource } from "../../../agent/board/image/https-source.ts";
import type { ImageResponse } from "../../../agent/download/ports.ts";
import { createLog } from "../../../agent/lib/log.ts";
import { testHub } from "../../support/local-hub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

interface Setup {
  readonly file: string;
  readonly lines: Record<string, unknown>[];
  readonly good: string;
  /** A request to the hub's HTTPS port, as an image is requested. */
  readonly get: () => Promise<ImageResponse>;
}

/** A file with the authority of another hub. */
async function setup(): Promise<Setup> {
  const [hub, other, folder] = [await testHub(), await testHub(), await temporaryFolder()];
  const file = join(folder, "ca.pem");
  await writeFile(file, other.ca);
  const lines: Record<string, unknown>[] = [];
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line)) });
  const authorities = new AuthorityFile(file, other.ca, log);
  const request = { uri: `https://localhost:${hub.ports.https}/`, fromBytes: 0, source: null };
  const get = (): Promise<ImageResponse> =>
    authorities.retryOnRefusal(async () => {
      const source = new HttpsSource({ allowHttp: false, ca: authorities.pem, userAgent: "test" });
      const response = await source.get(request, AbortSignal.timeout(20_000));
      response.close();
      return response;
    });
  return { file, lines, good: hub.ca, get };
}

describe("a file of certificate authorities", () => {
  it("is read anew when a certificate is not trusted, and the request goes on with it", async () => {
    const { file, lines, good, get } = await setup();
    await expect(get()).rejects.toThrow(/certificate/);
    expect(lines).toStrictEqual([]);
    await writeFile(file, good);
    expect((await get()).status).toBeGreaterThan(0);
    expect(lines).toMatchObject([{ level: "info", msg: "certificate authorities read anew", file }]);
  });

  it("that has become unusable leaves those read before, and says so once", async () => {
    const { file, lines, good, get } = await setup();
    await writeFile(file, "no certificate");
    await expect(get()).rejects.toThrow(/certificate/);
    await expect(get()).rejects.toThrow(/certificate/);
    expect(lines.map(({ level, reason }) => [level, reason])).toStrictEqual([
      ["warn", `${file} is not a PEM certificate`],
    ]);
    await rm(file);
    await expect(get()).rejects.toThrow(/certificate/);
    expect(String(lines[1]?.["reason"])).toContain("ENOENT");
    await writeFile(file, good);
    expect((await get()).status).toBeGreaterThan(0);
  });

  it("that is gone while its authorities are still the right ones does no harm", async () => {
    const { file, good, get } = await setup();
    await writeFile(file, good);
    await get();
    await rm(file);
    expect((await get()).status).toBeGreaterThan(0);
  });
});
