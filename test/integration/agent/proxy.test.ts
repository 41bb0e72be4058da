import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { probeHubDate } from "../../../agent/board/probes/network.ts";
import { parseHubAddress } from "../../../agent/hub/address.ts";
import { connectToAzure } from "../../../agent/hub/azure-connection.ts";
import { quiet } from "../../support/logs.ts";
import { imageServer, serving, testImage } from "../../support/image-server.ts";
import { systemTimer } from "../../../agent/board/hardware/clocks.ts";
import { HttpsSource } from "../../../agent/board/image/https-source.ts";
import { testHub } from "../../support/local-hub.ts";
import { realProxy } from "../../support/real-proxy.ts";
import { TestBoard } from "../../support/test-board.ts";
import { ServiceApp } from "../../support/service-app.ts";

describe("through the proxy that https_proxy names", () => {
  it("go the WebSocket to the hub and the download of an image", async () => {
    const proxy = await realProxy();
    const hub = await testHub();
    const image = testImage();
    const server = await imageServer(serving(image));
    proxy.use();
    const board = await TestBoard.start(hub, { transport: "WebSockets", imageCa: `${hub.ca}\n${server.ca}` });
    const service = new ServiceApp(hub, board.deviceId);
    const request = { fwPackageUri: `${server.origin}/x`, fwPackageCheckValue: image.sha256, fwVersion: "2.0.0" };
    await service.callMethod("firmwareUpdate", request);
    await service.untilReported("boardkeeper.update.phase", "completed");
    expect(proxy.asked).toContain(`localhost:${hub.ports.https}`);
    expect(proxy.asked).toContain(server.origin.replace("https://", ""));
    expect(new Set(proxy.asked).size).toBe(2);
  });

  it("goes nothing that no_proxy excludes", async () => {
    const proxy = await realProxy();
    const hub = await testHub();
    vi.stubEnv("https_proxy", proxy.url);
    vi.stubEnv("no_proxy", "localhost,127.0.0.1");
    onTestFinished(() => void vi.unstubAllEnvs());
    await TestBoard.start(hub, { transport: "WebSockets" });
    await new ServiceApp(hub).untilReported("boardkeeper.agent.bootId", (id) => id !== undefined);
    expect(proxy.asked).toStrictEqual([]);
  });
});

/** A proxy that answers each CONNECT with this status. */
async function refusingProxy(status: number): Promise<string> {
  const server = createServer();
  server.on("connect", (_request, socket) => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a request for an image meets through this proxy. */
async function failureThrough(proxy: string, origin: string, variable = "all_proxy"): Promise<unknown> {
  vi.stubEnv(variable, proxy);
  vi.stubEnv("no_proxy", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  const source = new HttpsSource({ allowHttp: true, ca: undefined, userAgent: "test" });
  const request = { uri: `${origin}/x`, fromBytes: 0, source: null };
  return await source.get(request, new AbortController().signal).then(
    () => undefined,
    (cause: unknown) => cause,
  );
}

describe("a proxy that lets nothing through", () => {
  it.each([
    [407, "https://server.test", "name and password (407)"],
    [403, "https://server.test", "does not allow this connection (403)"],
    [502, "https://server.test", "could not reach the server behind it (502)"],
    [407, "http://server.test", "name and password (407)"],
    [403, "http://server.test", "does not allow this connection (403)"],
    [418, "https://server.test", "status 418"],
  ])("answers %i to %s: named, and not taken for the server", async (status, origin, words) => {
    const proxy = await refusingProxy(status);
    const failure = await failureThrough(`http://user:secret@${proxy}`, origin);
    expect(failure).toMatchObject({ code: "unreachable" });
    expect(String(failure)).toContain(`the proxy ${proxy}`);
    expect(String(failure)).toContain(words);
    expect(String(failure)).not.toContain("secret");
  });

  it("is named where nothing listens", async () => {
    const failure = await failureThrough("127.0.0.1:1", "https://server.test");
    expect(failure).toMatchObject({ code: "unreachable" });
    expect(String(failure)).toContain("the proxy 127.0.0.1:1 (all_proxy) could not be used");
  });

  it.each([
    ["http_proxy", "http://server.test"],
    ["HTTPS_PROXY", "https://server.test"],
    ["all_proxy", "https://server.test"],
  ])("is named with the variable that names it: %s", async (variable, origin) => {
    const proxy = await refusingProxy(407);
    expect(String(await failureThrough(`http://${proxy}`, origin, variable))).toContain(`${proxy} (${variable}) asks`);
  });

  it("is a mistake of the configuration where its address is one", async () => {
    const failure = await failureThrough("socks5://127.0.0.1:1080", "https://server.test");
    expect(failure).toMatchObject({ code: "proxy-invalid" });
  });

  it.each([407, 502])("is named by the link to the hub: %i", async (status) => {
    const proxy = await refusingProxy(status);
    await expect(linkThrough(proxy)).rejects.toThrow(`the proxy ${proxy} (https_proxy)`);
  });

  it("is a mistake of the configuration for the link too", async () => {
    await expect(linkThrough("'http://p'")).rejects.toThrow("connect: https_proxy has quotation marks");
  });
});

/** Connects to a hub over WebSockets, through this proxy. */
async function linkThrough(proxy: string): Promise<unknown> {
  vi.stubEnv("https_proxy", proxy);
  vi.stubEnv("no_proxy", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  const key = Buffer.from("key").toString("base64");
  const address = parseHubAddress(`HostName=hub.test;DeviceId=b;SharedAccessKey=${key}`, { webSocket: true });
  if (!address.ok) throw new Error("not an address");
  const options = { address: address.value, ca: undefined, productInfo: "test", timer: systemTimer, log: quiet };
  return await connectToAzure(options, new AbortController().signal);
}

describe("the time of the hub", () => {
  it("is asked for through the proxy, and not at all through one that lets nothing through", async () => {
    const proxy = await realProxy();
    const hub = await testHub();
    vi.stubEnv("https_proxy", proxy.url);
    vi.stubEnv("no_proxy", "");
    onTestFinished(() => void vi.unstubAllEnvs());
    const before = Date.now();
    expect(await probeHubDate("localhost", hub.ports.https)).toBeGreaterThan(before - 60_000);
    expect(proxy.asked).toStrictEqual([`localhost:${hub.ports.https}`]);
    vi.stubEnv("https_proxy", `http://${await refusingProxy(403)}`);
    expect(await probeHubDate("localhost", hub.ports.https)).toBeNull();
    vi.stubEnv("https_proxy", "socks5://proxy.example");
    expect(await probeHubDate("localhost", hub.ports.https)).toBeNull();
  });
});
