import { once } from "node:events";
import { createServer } from "node:net";
import type { Socket, AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Interrupted } from "../../../service-tools/cli/errors.ts";
import { AzureHubClient } from "../../../service-tools/hub-client/azure-hub-client.ts";
import { type Target, deviceConnectionString } from "../../../service-tools/hub-client/hub-client.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { findLogin } from "../../../service-tools/hub-client/login.ts";
import { connectSdk, onMethod } from "../../support/azure-sdk.ts";
import { imageServer } from "../../support/image-server.ts";
import { testHub } from "../../support/local-hub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

interface Options {
  readonly login?: string;
  readonly interrupted?: AbortSignal;
  readonly requestMs?: number;
}

async function clientOf(
  hub: LocalHub | undefined,
  { login, interrupted, requestMs = 15_000 }: Options = {},
): Promise<AzureHubClient> {
  const env =
    hub === undefined ? { BOARDKEEPER_HOME: "/nonexistent" } : { BOARDKEEPER_HOME: hub.folder.replace(/\/hub$/, "") };
  const deadlines = { requestMs, methodConnectSeconds: 0, methodResponseSeconds: 5 };
  const client = new AzureHubClient(await findLogin(env, { login }), {
    interrupted: interrupted ?? new AbortController().signal,
    userAgent: "test",
    deadlines,
  });
  onTestFinished(() => client.close());
  return client;
}

async function hubInHome(): Promise<LocalHub> {
  return await testHub({ folder: join(await temporaryFolder(), "hub") });
}

const device: Target = { deviceId: "board-1" };
const module: Target = { deviceId: "board-1", moduleId: "agent" };

describe("the registry through the SDK", () => {
  it.each([
    ["a device", device],
    ["a module", module],
  ])("creates, shows and removes %s", async (_what, target) => {
    const hub = await hubInHome();
    const client = await clientOf(hub);
    if (target.moduleId !== undefined) await client.createIdentity(device);
    const identity = await client.createIdentity(target);
    expect(identity).toMatchObject({ ...target, connectionState: "Disconnected" });
    expect(await client.getIdentity(target)).toEqual(identity);
    expect(deviceConnectionString(client.address, identity)).toBe(
      hub.deviceConnectionString(target.deviceId, target.moduleId),
    );
    await expect(client.createIdentity(target)).rejects.toMatchObject({ code: "already-exists" });
    await client.removeIdentity(target);
    await expect(client.getIdentity(target)).rejects.toMatchObject({ code: "unknown-device" });
  });
});

describe("a module of a device that is not there", () => {
  it("is reported as such: the login is not wrong", async () => {
    const hub = await hubInHome();
    const client = await clientOf(hub);
    for (const act of [
      () => client.createIdentity(module),
      () => client.getIdentity(module),
      () => client.removeIdentity(module),
    ]) {
      await expect(act()).rejects.toMatchObject({
        code: "unknown-device",
        exitCode: 1,
        message: expect.stringMatching(/knows no device board-1\.$/) as string,
      });
    }
    await client.createIdentity(device);
    await expect(client.getIdentity(module)).rejects.toMatchObject({
      message: expect.stringContaining("a module agent") as string,
      advice: expect.stringContaining("device list --modules") as string,
    });
  });
});

describe("twins through the SDK", () => {
  it("are read and merged", async () => {
    const hub = await hubInHome();
    const client = await clientOf(hub);
    await client.createIdentity(device);
    await client.patchTwin(device, { tags: { site: "north" }, desired: { firmware: { fwVersion: "1" } } });
    const twin = await client.patchTwin(device, { desired: { firmware: { fwVersion: null, other: 2 } } });
    expect(twin).toMatchObject({
      deviceId: "board-1",
      tags: { site: "north" },
      properties: { desired: { firmware: { other: 2 } } },
    });
    expect(twin).not.toHaveProperty("_registry");
    expect(await client.getTwin(device)).toEqual(twin);
  });

  it("are listed by one query, page after page", async () => {
    const hub = await hubInHome();
    const client = await clientOf(hub);
    // More than the hub puts on one page.
    const names = Array.from({ length: 120 }, (_, index) => `board-${index}`);
    for (const deviceId of names) await hub.addDevice(deviceId);
    const rows = await client.query("SELECT deviceId, connectionState FROM devices");
    expect(new Set(rows.map((row) => row["deviceId"]))).toEqual(new Set(names));
    expect(rows).toHaveLength(names.length);
  });

  it("of nobody are reported as such", async () => {
    const client = await clientOf(await hubInHome());
    await expect(client.getTwin(device)).rejects.toMatchObject({ code: "unknown-device" });
    await expect(client.getTwin(module)).rejects.toMatchObject({ code: "unknown-device" });
  });
});

describe("direct methods through the SDK", () => {
  it.each([
    ["a device", device],
    ["a module", module],
  ])("are called once, and answered as %s answers", async (_what, target) => {
    const hub = await hubInHome();
    await hub.addDevice("board-1");
    if (target.moduleId !== undefined) await hub.addModule("board-1", target.moduleId);
    const board = await connectSdk(hub, "MQTT", "board-1", target.moduleId);
    const payloads: unknown[] = [];
    onMethod(board, "rebootDevice", (request, response) => {
      payloads.push(request.payload);
      // The very statuses at which the SDK's own client would ask again for four minutes.
      void response.send(503, { Response: "no" });
    });
    const client = await clientOf(hub);
    expect(await client.callMethod(target, "rebootDevice", { operationId: "x" })).toEqual({
      status: 503,
      payload: { Response: "no" },
    });
    expect(payloads).toEqual([{ operationId: "x" }]);
  });

  it("to an offline device are reported as such", async () => {
    const hub = await hubInHome();
    await hub.addDevice("board-1");
    await expect((await clientOf(hub)).callMethod(device, "rebootDevice", {})).rejects.toMatchObject({
      code: "device-offline",
      exitCode: 4,
    });
  });

  it("to a device that goes away are reported as such", async () => {
    const hub = await hubInHome();
    await hub.addDevice("board-1");
    const board = await connectSdk(hub, "MQTT", "board-1");
    onMethod(board, "rebootDevice", () => void board.close());
    await expect((await clientOf(hub)).callMethod(device, "rebootDevice", {})).rejects.toMatchObject({
      code: "device-gone",
      exitCode: 4,
    });
  });

  it("to a device that never answers end with the hub's deadline", async () => {
    const hub = await hubInHome();
    await hub.addDevice("board-1");
    const board = await connectSdk(hub, "MQTT", "board-1");
    onMethod(board, "rebootDevice", () => undefined);
    await expect((await clientOf(hub)).callMethod(device, "rebootDevice", {})).rejects.toMatchObject({
      code: "timed-out",
      exitCode: 5,
    });
  });
});

describe("a login", () => {
  it("with a wrong key is refused", async () => {
    const hub = await hubInHome();
    const login = hub.serviceConnectionString().replace(/SharedAccessKey=.*/, "SharedAccessKey=d3Jvbmc=");
    await expect((await clientOf(hub, { login })).getTwin(device)).rejects.toMatchObject({
      code: "authentication-failed",
      exitCode: 3,
    });
  });

  it("whose policy does not allow it is refused", async () => {
    const hub = await hubInHome();
    const login = hub.serviceConnectionString("service");
    await expect((await clientOf(hub, { login })).createIdentity(device)).rejects.toMatchObject({
      code: "authentication-failed",
    });
  });

  it("to a hub whose authority is not known is not sent a request", async () => {
    const hub = await hubInHome();
    const error = await (
      await clientOf(undefined, { login: hub.serviceConnectionString() })
    )
      .getTwin(device)
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "hub-unreachable",
      exitCode: 7,
      mayHaveArrived: false,
      advice: expect.stringContaining("--ca-file") as string,
    });
  });
});

describe("a hub that is not there", () => {
  const login = (port: number): string => `HostName=localhost:${port};SharedAccessKeyName=a;SharedAccessKey=b`;

  /** A port at which each connection is treated like this. */
  async function listener(treat: (socket: Socket) => void): Promise<number> {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      treat(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  it("is reported as unreachable", async () => {
    const hub = await hubInHome();
    const client = await clientOf(hub);
    await hub.stop();
    await expect(client.getTwin(device)).rejects.toMatchObject({ code: "hub-unreachable", mayHaveArrived: false });
  });

  it("or hangs up, may have heard the request", async () => {
    const client = await clientOf(undefined, { login: login(await listener((socket) => socket.resetAndDestroy())) });
    await expect(client.getTwin(device)).rejects.toMatchObject({ code: "hub-unreachable", mayHaveArrived: true });
  });

  it("or is silent, is given up at the deadline", async () => {
    const client = await clientOf(undefined, { login: login(await listener(() => undefined)), requestMs: 50 });
    await expect(client.getTwin(device)).rejects.toMatchObject({ code: "timed-out", exitCode: 5 });
  });

  it("or is silent, is left at Ctrl-C", async () => {
    const ctrlC = new AbortController();
    const port = await listener(() => ctrlC.abort(new Interrupted("Interrupted.")));
    const client = await clientOf(undefined, { login: login(port), interrupted: ctrlC.signal });
    await expect(client.getTwin(device)).rejects.toMatchObject({ code: "interrupted", exitCode: 130 });
  });
});

describe("after Ctrl-C", () => {
  it("nothing is asked any more", async () => {
    const server = await imageServer((_request, response) => response.end());
    const ctrlC = new AbortController();
    const login = `HostName=localhost:${new URL(server.origin).port};SharedAccessKeyName=a;SharedAccessKey=b`;
    const client = await clientOf(undefined, { login, interrupted: ctrlC.signal });
    ctrlC.abort(new Interrupted("Interrupted."));
    await expect(client.callMethod(device, "rebootDevice", {})).rejects.toMatchObject({ code: "interrupted" });
    expect(server.requests).toEqual([]);
  });
});

describe("a server that is no hub", () => {
  it.each<[string, number, string, string, string]>([
    ["answers with a page", 200, "text/html", "<html></html>", "refused-by-hub"],
    ["answers with broken JSON", 200, "application/json", "{", "hub-unreachable"],
    ["is a gateway with nothing behind it", 502, "text/html", "<html></html>", "hub-busy"],
  ])("%s", async (_what, status, type, body, code) => {
    const server = await imageServer((_request, response) => {
      response.writeHead(status, { "content-type": type });
      response.end(body);
    });
    const { port } = new URL(server.origin);
    const found = await findLogin(
      { BOARDKEEPER_HOME: "/nonexistent" },
      { login: `HostName=localhost:${port};SharedAccessKeyName=a;SharedAccessKey=b` },
    );
    const client = new AzureHubClient(
      { ...found, ca: server.ca },
      { interrupted: new AbortController().signal, userAgent: "test" },
    );
    onTestFinished(() => client.close());
    await expect(client.query("SELECT * FROM devices")).rejects.toMatchObject({ code });
    expect(server.requests).toHaveLength(1);
  });
});
