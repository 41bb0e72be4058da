import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { publishImage } from "../../../service-tools/images/publish.ts";
import type { FaultName } from "../../../service-tools/local-hub/faults/catalog.ts";
import { imageKinds } from "../../../service-tools/local-hub/faults/image-kinds.ts";
import { testHub } from "../../support/local-hub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const TEXT = "0123456789";

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** As much of it as came. */
  readonly body: string;
  /** The connection ended before the body did. */
  readonly cut: boolean;
}

interface Row {
  readonly fault: FaultName;
  readonly parameters?: object;
  readonly headers?: Record<string, string>;
  readonly is: Partial<Answer>;
}

/** What 0x34 … 0x39 become. */
const turned = (text: string): string =>
  String.fromCodePoint(...Buffer.from(text, "latin1").map((byte) => byte ^ 0xff));

const rows: Row[] = [
  ...(["403", "404", "429", "500", "503"] as const).map((status): Row => ({
    fault: "image-refused",
    parameters: { status, retryAfterS: 3 },
    is: { status: Number(status), headers: { "retry-after": "3" }, body: "" },
  })),
  {
    fault: "image-truncated",
    parameters: { bytes: 4, how: "cut" },
    is: { status: 200, headers: { "content-length": "10" }, body: "0123", cut: true },
  },
  {
    fault: "image-truncated",
    parameters: { bytes: 0, how: "cut" },
    is: { status: 200, headers: { "content-length": "10" }, body: "", cut: true },
  },
  {
    fault: "image-truncated",
    parameters: { bytes: 4, how: "short" },
    is: { status: 200, headers: { "content-length": "4" }, body: "0123", cut: false },
  },
  {
    fault: "image-altered",
    parameters: { fromByte: 4 },
    is: { status: 200, body: `0123${turned("456789")}`, cut: false },
  },
  {
    fault: "image-altered",
    parameters: { fromByte: 8, etag: "other" },
    headers: { range: "bytes=7-" },
    is: { status: 206, headers: { etag: expect.stringMatching(/-altered"$/) }, body: `7${turned("89")}` },
  },
  {
    fault: "image-range-ignored",
    headers: { range: "bytes=7-" },
    is: { status: 200, headers: { "content-length": "10" }, body: TEXT },
  },
  {
    fault: "image-range-shifted",
    parameters: { byBytes: 2 },
    headers: { range: "bytes=7-" },
    is: { status: 206, headers: { "content-range": "bytes 5-9/10" }, body: "56789" },
  },
];

async function get(url: string, ca: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, headers, agent: false }, (answer) => {
      const { statusCode: status, headers: said } = answer;
      let body = "";
      answer.setEncoding("latin1").on("data", (text: string) => (body += text));
      answer.on("error", () => resolve({ status, headers: said, body, cut: true }));
      answer.on("end", () => resolve({ status, headers: said, body, cut: false }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

describe("the image server", () => {
  it.each(rows)("$fault $parameters", async ({ fault: name, parameters = {}, headers, is }) => {
    const hub = await testHub();
    const file = join(await temporaryFolder(), "firmware.img");
    await writeFile(file, TEXT);
    const { url } = await publishImage(hub.folder, hub.imagesUrl, file);
    const fault = hub.faults.addUntyped(name, parameters, { times: 1 });
    expect(await get(url, hub.ca, headers)).toMatchObject(is);
    expect([fault.hits, fault.state]).toEqual([1, "over"]);
    expect(await get(url, hub.ca)).toMatchObject({ status: 200, body: TEXT, cut: false });
  });

  it("has a row for each of its faults", () => {
    const shown = new Set<string>(rows.map(({ fault }) => fault));
    expect(Object.keys(imageKinds).filter((name) => !shown.has(name))).toEqual([]);
  });
});
