import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createProxy } from "proxy";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { imageServer, serving, testImage } from "../../support/image-server.ts";
import { testHub } from "../../support/local-hub.ts";
import { TestBoard } from "../../support/test-board.ts";
import { ServiceApp } from "../../support/service-app.ts";

/** A real proxy, and the hosts and ports that were asked of it. */
async function realProxy(): Promise<{ url: string; asked: string[] }> {
  const server = createProxy(createServer());
  const asked: string[] = [];
  server.on("connect", ({ url = "" }) => asked.push(url));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe("through the proxy that https_proxy names", () => {
  it("go the WebSocket to the hub and the download of an image", async () => {
    const proxy = await realProxy();
    const hub = await testHub();
    const image = testImage();
    const server = await imageServer(serving(image));
    vi.stubEnv("https_proxy", proxy.url);
    vi.stubEnv("no_proxy", "");
    onTestFinished(() => void vi.unstubAllEnvs());
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
