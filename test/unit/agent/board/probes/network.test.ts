import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from "node:net";
import { createProxy } from "proxy";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { probeProxy } from "../../../../../agent/board/probes/network.ts";
import { imageServer, serving, testImage } from "../../../../support/image-server.ts";

async function listening(server: Server | TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function environment(https_proxy: string, no_proxy = ""): void {
  vi.stubEnv("https_proxy", https_proxy);
  vi.stubEnv("no_proxy", no_proxy);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** A proxy that answers each CONNECT with this status, and what was asked of it. */
async function answering(status: number): Promise<{ address: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer();
  server.on("connect", ({ url = "" }, socket) => {
    asked.push(url);
    socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
  });
  return { address: await listening(server), asked };
}

const hub = new URL("https://hub.test:443");

describe("whether the proxy of the environment opens a tunnel", () => {
  it("it does, whatever the server behind it says", async () => {
    const server = await imageServer(serving(testImage(10)));
    environment(`http://${await listening(createProxy(createServer()))}`);
    expect(await probeProxy(new URL(server.origin))).toBeNull();
  });

  it.each([
    [407, "name and password (407)"],
    [403, "does not allow this connection (403)"],
    [502, "could not reach the server behind it (502)"],
  ])("it answers %i: the proxy is named, and its password is not", async (status, words) => {
    const { address, asked } = await answering(status);
    environment(`http://user:secret@${address}`);
    const problem = await probeProxy(hub);
    expect(problem).toContain(`the proxy ${address}`);
    expect(problem).toContain(words);
    expect(problem).not.toContain("secret");
    expect(asked).toStrictEqual(["hub.test:443"]);
  });

  it("nothing listens there", async () => {
    environment("http://127.0.0.1:1");
    expect(await probeProxy(hub)).toContain("the proxy 127.0.0.1:1 (https_proxy) could not be used");
  });

  it("it hangs up without an answer", async () => {
    const address = await listening(createTcpServer((socket) => void socket.on("error", () => undefined).end()));
    environment(`http://${address}`);
    expect(await probeProxy(hub)).toContain(`the proxy ${address}`);
  });

  it("another service answers there", async () => {
    const ssh = createTcpServer((socket) => void socket.on("error", () => undefined).end("SSH-2.0-OpenSSH_9.2\r\n"));
    const address = await listening(ssh);
    environment(`http://${address}`);
    expect(await probeProxy(hub)).toContain(`the proxy ${address}`);
  });

  it("there is none, or none for this server: nothing is asked", async () => {
    environment("");
    expect(await probeProxy(hub)).toBeNull();
    const { address, asked } = await answering(403);
    environment(`http://${address}`, ".test");
    expect(await probeProxy(hub)).toBeNull();
    expect(asked).toStrictEqual([]);
  });

  it("a mistake in the variable is one of the configuration", async () => {
    environment("socks5://127.0.0.1:1080");
    await expect(probeProxy(hub)).rejects.toMatchObject({ code: "proxy-invalid" });
  });
});
