import { get } from "node:https";
import { describe, expect, it } from "vitest";
import type { PolicyName } from "../../../service-tools/local-hub/auth/shared-access.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { hubWith, testHub } from "../../support/local-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { apiVersion, callRest, jsonOf, callHub, rawHttps, serviceToken } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import { sasToken } from "../../support/sas-token.ts";

const startHub = async (): Promise<LocalHub> => hubWith(["board-1", "board-1/agent"]);

describe("permissions", () => {
  const endpoints = [
    { method: "GET", path: "/devices", permission: "RegistryRead" },
    { method: "GET", path: "/devices/board-1", permission: "RegistryRead" },
    { method: "GET", path: "/devices/board-1/modules", permission: "RegistryRead" },
    { method: "GET", path: "/devices/board-1/modules/agent", permission: "RegistryRead" },
    { method: "GET", path: "/statistics/devices", permission: "RegistryRead" },
    { method: "PUT", path: "/devices/board-2", body: "{}", permission: "RegistryWrite" },
    { method: "POST", path: "/devices", body: '[{"id":"board-3"}]', permission: "RegistryWrite" },
    { method: "PUT", path: "/devices/board-1/modules/other", body: "{}", permission: "RegistryWrite" },
    { method: "GET", path: "/twins/board-1", permission: "ServiceConnect" },
    { method: "PATCH", path: "/twins/board-1", body: "{}", permission: "ServiceConnect" },
    { method: "PUT", path: "/twins/board-1/modules/agent", body: "{}", permission: "ServiceConnect" },
    { method: "POST", path: "/devices/query", body: '{"query":"SELECT * FROM devices"}', permission: "ServiceConnect" },
    { method: "GET", path: "/statistics/service", permission: "ServiceConnect" },
    { method: "GET", path: "/local-hub/events", permission: "ServiceConnect" },
    { method: "GET", path: "/local-hub/status", permission: "ServiceConnect" },
  ];
  const policies: { policy: PolicyName; permissions: string[] }[] = [
    { policy: "iothubowner", permissions: ["RegistryRead", "RegistryWrite", "ServiceConnect"] },
    { policy: "service", permissions: ["ServiceConnect"] },
    { policy: "device", permissions: [] },
    { policy: "registryRead", permissions: ["RegistryRead"] },
    { policy: "registryReadWrite", permissions: ["RegistryRead", "RegistryWrite"] },
  ];

  it.each(policies)("of the policy $policy", async ({ policy, permissions }) => {
    const hub = await startHub();
    const authorization = serviceToken(hub, hub.serviceConnectionString(policy));
    for (const { permission, path, ...request } of endpoints) {
      const answer = await callHub(hub, { ...request, path: `${path}?${apiVersion}`, headers: { authorization } });
      expect([path, answer.status]).toEqual([path, permissions.includes(permission) ? 200 : 401]);
    }
  });

  it("end with the token", async () => {
    const clock = new ManualClock();
    const hub = await testHub({ clock });
    const authorization = serviceToken(hub);
    clock.advance(3_000 * 1000);
    const request = { method: "GET", path: `/devices?${apiVersion}`, headers: { authorization } };
    expect((await callHub(hub, request)).status).toBe(200);
    clock.advance(1_000 * 1000);
    const refused = await callHub(hub, request);
    expect(refused.status).toBe(401);
    expect(refused.headers["x-local-hub-hint"]).toContain("the%20token%20expired%20at");
  });

  it("do not include those of devices", async () => {
    const hub = await startHub();
    const key = hub.deviceConnectionString("board-1").split("SharedAccessKey=")[1] ?? "";
    const authorization = sasToken("localhost/devices/board-1", key, Math.ceil(Date.now() / 1000) + 60);
    const answer = await callHub(hub, {
      method: "GET",
      path: `/devices/board-1?${apiVersion}`,
      headers: { authorization },
    });
    expect(answer.status).toBe(401);
  });
});

describe("a request", () => {
  it.each([
    { what: "without an api-version", path: "/devices", status: 400, errorCode: "InvalidProtocolVersion" },
    {
      what: "with something else for one",
      path: "/devices?api-version=latest",
      status: 400,
      errorCode: "InvalidProtocolVersion",
    },
    { what: "to nowhere", path: `/nowhere?${apiVersion}`, status: 404, errorCode: "GenericNotFound" },
    {
      what: "whose path cannot be decoded",
      path: `/devices/%E0%A4%A?${apiVersion}`,
      status: 400,
      errorCode: "ArgumentInvalid",
    },
  ])("$what is $status", async ({ path, status, errorCode }) => {
    const answer = await callHub(await testHub(), { method: "GET", path });
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, errorCode]);
    expect(answer.body).toContain(`"Message":"ErrorCode:${errorCode};`);
  });

  it("may write the path in any case and end it with a slash", async () => {
    expect((await callRest(await startHub(), "GET", "/Devices/board-1/Modules/")).status).toBe(200);
  });

  it.each([
    { what: "no JSON", body: "{oops", errorCode: "IotHubFormatError" },
    { what: "nothing", body: undefined, errorCode: "IotHubFormatError" },
    { what: "an array where an object is due", body: "[]", errorCode: "ArgumentInvalid" },
  ])("with $what for a body is 400", async ({ body, errorCode }) => {
    const answer = await callRest(await startHub(), "PUT", "/devices/board-2", body);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, errorCode]);
  });

  it("of more than 8 MiB is 413", async () => {
    const answer = await callRest(await startHub(), "PUT", "/devices/board-2", `"${"x".repeat(8 * 1024 * 1024)}"`);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([413, "MessageTooLarge"]);
  });

  it("succeeds for clients that trust the authority of the hub, and for no others", async () => {
    const hub = await testHub();
    await expect(rawHttps(hub.ports.https, "", { method: "GET", path: "/" })).rejects.toThrow("certificate");
    expect((await rawHttps(hub.ports.https, hub.ca, { method: "GET", path: "/" })).status).toBe(404);
  });
});

async function* follow(hub: LocalHub, path: string): AsyncGenerator<object> {
  const headers = { authorization: serviceToken(hub) };
  const answer = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    get({ host: "localhost", port: hub.ports.https, ca: hub.ca, path, headers, agent: false }, resolve).on(
      "error",
      reject,
    );
  });
  let text = "";
  for await (const chunk of answer) {
    text += String(chunk);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
    }
  }
}

describe("the hub's own pages", () => {
  it("follow telemetry as it arrives, of the requested device", async () => {
    const hub = await testHub();
    for (const deviceId of ["board-1", "board-2"]) await hub.addDevice(deviceId);
    const [one, two] = [await connectRaw(hub, { deviceId: "board-1" }), await connectRaw(hub, { deviceId: "board-2" })];
    await one.client.publishAsync("devices/board-1/messages/events/", "before", { qos: 1 });
    const lines = follow(hub, "/local-hub/events?follow=true&deviceId=board-1");
    expect(await lines.next()).toMatchObject({ value: { body: "before" } });
    await two.client.publishAsync("devices/board-2/messages/events/", "not asked for", { qos: 1 });
    await one.client.publishAsync("devices/board-1/messages/events/", "after", { qos: 1 });
    expect(await lines.next()).toMatchObject({ value: { body: "after" } });
  });

  it("show who is connected", async () => {
    const hub = await startHub();
    await connectRaw(hub, { deviceId: "board-1", moduleId: "agent" });
    expect(jsonOf(await callHub(hub, { method: "GET", path: "/local-hub/status" }))).toEqual({
      hubName: "local-hub.boardkeeper.test",
      devices: [
        {
          deviceId: "board-1",
          status: "enabled",
          connected: false,
          modules: [{ moduleId: "agent", connected: true }],
        },
      ],
    });
    expect((await callRest(hub, "GET", "/statistics/service")).body).toBe('{"connectedDeviceCount":1}');
  });
});
