import { describe, expect, it } from "vitest";
import { HttpsSource } from "../../../../agent/board/image/https-source.ts";
import { repositorySource } from "../../../../agent/download/repository-source.ts";
import { settle, FakeTime } from "../../../support/fake-time.ts";
import { Gate } from "../../../support/gate.ts";
import { imageServer, type ImageServer } from "../../../support/image-server.ts";

/* Against a real server, in a time that passes when the test says so. */

type Answer = ImageServer["answer"];

async function setup(answer: Answer) {
  const server = await imageServer(answer);
  const http = new HttpsSource({ allowHttp: false, ca: server.ca, userAgent: "test" });
  const time = new FakeTime();
  return { server, time, source: repositorySource(`${server.origin}/repository`, http, time) };
}

const sends =
  (body: string, type = "application/json"): Answer =>
  (_request, response) => {
    response.setHeader("content-type", type);
    response.end(body);
  };

describe("a repository on a web server", () => {
  it("has its files in the folder metadata/", async () => {
    const { server, time, source } = await setup(sends('{"signatures":[],"signed":{}}'));
    const bytes = await source.read("3.acme,gateway.json", 100);
    expect(Buffer.from(bytes ?? []).toString()).toBe('{"signatures":[],"signed":{}}');
    expect(server.requests.map(({ url }) => url)).toStrictEqual(["/repository/metadata/3.acme%2Cgateway.json"]);
    expect(time.sleepers).toBe(0);
  });

  it.each([403, 404, 410])("has no file where it answers with %i", async (status) => {
    const { source } = await setup((_request, response) => response.writeHead(status).end("nothing"));
    expect(await source.read("2.root.json", 100)).toBeUndefined();
  });

  it.each([
    [500, "unreachable"],
    [503, "unreachable"],
    [429, "unreachable"],
    [401, "http-status"],
    [204, "http-status"],
  ])("fails where it answers with %i: %s", async (status, code) => {
    const { source } = await setup((_request, response) => response.writeHead(status).end());
    await expect(source.read("timestamp.json", 100)).rejects.toMatchObject({
      code,
      message: expect.stringContaining("The repository's timestamp.json could not be read"),
    });
  });

  it("is not read beyond the bytes that are allowed, however long it sends", async () => {
    const { server, source } = await setup((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(1_000)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    await expect(source.read("timestamp.json", 65_536)).rejects.toMatchObject({ code: "metadata-too-large" });
    expect(server.requests).toHaveLength(1);
  });

  it("is given up when it sends a byte now and then", async () => {
    const begun = new Gate();
    const { time, source } = await setup((_request, response) => {
      response.write("{");
      begun.open();
    });
    const read = source.read("timestamp.json", 100).catch((cause: unknown) => cause);
    await begun.pass();
    await time.advance(20_000);
    expect(await read).toMatchObject({ code: "unreachable", message: expect.stringContaining("within 20 seconds") });
  });

  it("sends a page of a captive portal: that is no metadata", async () => {
    const { source } = await setup(sends("<!DOCTYPE html><title>Welcome</title>", "text/html"));
    await expect(source.read("timestamp.json", 100)).rejects.toMatchObject({ code: "bad-response" });
  });

  it("fails with the connection", async () => {
    const { source } = await setup((_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
    });
    await expect(source.read("timestamp.json", 100)).rejects.toMatchObject({ code: "unreachable" });
  });

  it("stops with the signal, and leaves no timer behind", async () => {
    const asked = new Gate();
    const { time, source } = await setup(() => asked.open());
    const stopping = new AbortController();
    const read = source.read("timestamp.json", 100, stopping.signal).catch(() => "stopped");
    await asked.pass();
    stopping.abort();
    expect(await read).toBe("stopped");
    await settle();
    expect(time.sleepers).toBe(0);
    await expect(source.read("timestamp.json", 100, stopping.signal)).rejects.toThrow("abort");
  });
});
