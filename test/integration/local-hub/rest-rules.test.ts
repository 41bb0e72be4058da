import { get } from "node:https";
import { describe, expect, it } from "vitest";
import type { PolicyName } from "../../../service-tools/local-hub/auth/shared-access.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { callHub, rawHttps, serviceToken } from "../../support/raw-https.ts";
import type { RawAnswer, RawRequest } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import { sasToken } from "../../support/sas-token.ts";

const VERSION = "api-version=2021-04-12";

async function startHub(): Promise<LocalHub> {
  const hub = await testHub();
  await hub.addDevice("board-1");
  await hub.addModule("board-1", "agent");
  return hub;
}

async function call(hub: LocalHub, method: string, path: string, body?: unknown, ifMatch?: string): Promise<RawAnswer> {
  const request: RawRequest = {
    method,
    path: `${path}${path.includes("?") ? "&" : "?"}${VERSION}`,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(ifMatch === undefined ? {} : { headers: { "if-match": ifMatch } }),
  };
  return callHub(hub, request);
}

function json(answer: RawAnswer): Record<string, unknown> {
  const value: Record<string, unknown> = JSON.parse(answer.body);
  return value;
}

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
      const answer = await callHub(hub, { ...request, path: `${path}?${VERSION}`, headers: { authorization } });
      expect([path, answer.status]).toEqual([path, permissions.includes(permission) ? 200 : 401]);
    }
  });

  it("end with the token", async () => {
    const clock = new ManualClock();
    const hub = await testHub({ clock });
    const authorization = serviceToken(hub);
    clock.advance(3_000 * 1000);
    const request = { method: "GET", path: `/devices?${VERSION}`, headers: { authorization } };
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
      path: `/devices/board-1?${VERSION}`,
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
    { what: "to nowhere", path: `/nowhere?${VERSION}`, status: 404, errorCode: "GenericNotFound" },
    {
      what: "whose path cannot be decoded",
      path: `/devices/%E0%A4%A?${VERSION}`,
      status: 400,
      errorCode: "ArgumentInvalid",
    },
  ])("$what is $status", async ({ path, status, errorCode }) => {
    const answer = await callHub(await testHub(), { method: "GET", path });
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, errorCode]);
    expect(answer.body).toContain(`"Message":"ErrorCode:${errorCode};`);
  });

  it("may write the path in any case and end it with a slash", async () => {
    expect((await call(await startHub(), "GET", "/Devices/board-1/Modules/")).status).toBe(200);
  });

  it.each([
    { what: "no JSON", body: "{oops", errorCode: "IotHubFormatError" },
    { what: "nothing", body: undefined, errorCode: "IotHubFormatError" },
    { what: "an array where an object is due", body: "[]", errorCode: "ArgumentInvalid" },
  ])("with $what for a body is 400", async ({ body, errorCode }) => {
    const answer = await call(await startHub(), "PUT", "/devices/board-2", body);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, errorCode]);
  });

  it("of more than 8 MiB is 413", async () => {
    const answer = await call(await startHub(), "PUT", "/devices/board-2", `"${"x".repeat(8 * 1024 * 1024)}"`);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([413, "MessageTooLarge"]);
  });

  it("succeeds for clients that trust the authority of the hub, and for no others", async () => {
    const hub = await testHub();
    await expect(rawHttps(hub.ports.https, "", { method: "GET", path: "/" })).rejects.toThrow("certificate");
    expect((await rawHttps(hub.ports.https, hub.ca, { method: "GET", path: "/" })).status).toBe(404);
  });
});

describe("a device identity", () => {
  it("keeps the given keys, and has its etag in a header too", async () => {
    const hub = await testHub();
    const [primaryKey, secondaryKey] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
    const authentication = { type: "sas", symmetricKey: { primaryKey, secondaryKey } };
    const created = await call(hub, "PUT", "/devices/board-1", { deviceId: "board-1", authentication });
    expect(json(created)).toMatchObject({ authentication });
    expect(created.headers.etag).toBe(`"${String(json(created)["etag"])}"`);
    expect(hub.deviceConnectionString("board-1")).toContain(`SharedAccessKey=${primaryKey}`);
  });

  it("is changed with its etag, which then differs", async () => {
    const hub = await startHub();
    const before = await call(hub, "GET", "/devices/board-1");
    const body = { ...json(before), status: "disabled", statusReason: "on the bench" };
    const after = await call(hub, "PUT", "/devices/board-1", body, before.headers.etag);
    expect(json(after)).toMatchObject({ status: "disabled", statusReason: "on the bench" });
    expect(json(after)["authentication"]).toEqual(json(before)["authentication"]);
    expect(json(after)["statusUpdatedTime"]).not.toBe("0001-01-01T00:00:00Z");
    const stale = await call(hub, "PUT", "/devices/board-1", body, before.headers.etag);
    expect(stale.status).toBe(412);
  });

  it.each([
    {
      what: "written with If-Match, when it is not there",
      method: "PUT",
      path: "/devices/board-9",
      body: {},
      ifMatch: "*",
      status: 404,
    },
    { what: "removed without If-Match", method: "DELETE", path: "/devices/board-1", status: 412 },
    { what: "removed with another etag", method: "DELETE", path: "/devices/board-1", ifMatch: '"abc="', status: 412 },
    { what: "removed when it is not there", method: "DELETE", path: "/devices/board-9", ifMatch: "*", status: 404 },
    { what: "removed", method: "DELETE", path: "/devices/board-1", ifMatch: '"*"', status: 204 },
    { what: "called something it may not be", method: "PUT", path: "/devices/a%20b", body: {}, status: 400 },
    {
      what: "called one thing in the URI and another in the body",
      method: "PUT",
      path: "/devices/a",
      body: { deviceId: "b" },
      status: 400,
    },
    { what: "given a status there is not", method: "PUT", path: "/devices/a", body: { status: "asleep" }, status: 400 },
    {
      what: "given half its keys",
      method: "PUT",
      path: "/devices/a",
      body: { authentication: { symmetricKey: { primaryKey: "AAAA" } } },
      status: 400,
    },
  ])("that is $what: $status", async ({ method, path, body, ifMatch, status }) => {
    expect((await call(await startHub(), method, path, body, ifMatch)).status).toBe(status);
  });

  it("is removed with its modules and its twin", async () => {
    const hub = await startHub();
    await call(hub, "DELETE", "/devices/board-1", undefined, "*");
    expect((await call(hub, "GET", "/twins/board-1")).headers["iothub-errorcode"]).toBe("DeviceNotFound");
    expect((await call(hub, "GET", "/twins/board-1/modules/agent")).status).toBe(404);
    await call(hub, "PUT", "/devices/board-1", {});
    expect((await call(hub, "GET", "/devices/board-1/modules")).body).toBe("[]");
  });

  it("may have any name that IoT Hub allows", async () => {
    const hub = await testHub();
    const deviceId = "a-._%#*?!(),=@$'+:Z";
    const path = `/devices/${encodeURIComponent(deviceId)}`;
    expect(json(await call(hub, "PUT", path, { deviceId }))).toMatchObject({ deviceId });
    expect((await call(hub, "GET", path)).status).toBe(200);
    expect((await call(hub, "GET", path.replace("/devices/", "/twins/"))).status).toBe(200);
  });

  it("is listed, up to the requested number", async () => {
    const { registry } = serviceClients(await bulkHub(5));
    expect((await registry.list()).responseBody.map(({ deviceId }) => deviceId)).toHaveLength(5);
    const hub = await bulkHub(5);
    const listed = await call(hub, "GET", "/devices?top=2");
    expect(JSON.parse(listed.body)).toHaveLength(2);
    expect((await call(hub, "GET", "/devices?top=0")).status).toBe(400);
  });
});

async function bulkHub(count: number): Promise<LocalHub> {
  const hub = await testHub();
  const items = Array.from({ length: count }, (_, index) => ({
    id: `board-${index}`,
    importMode: "create",
    tags: { rack: index % 2, last: index === count - 1 },
    properties: { desired: { interval: index } },
  }));
  expect((await call(hub, "POST", "/devices", items)).status).toBe(200);
  return hub;
}

describe("a bulk request", () => {
  it("creates twins along with identities, in version 1", async () => {
    const hub = await bulkHub(2);
    const twin = json(await call(hub, "GET", "/twins/board-1"));
    expect(twin).toMatchObject({
      etag: "AAAAAAAAAAE=",
      version: 2,
      tags: { rack: 1, last: true },
      properties: { desired: { interval: 1, $version: 1, $metadata: { $lastUpdatedVersion: 1 } } },
    });
  });

  it("applies what is valid, and reports what is not", async () => {
    const hub = await startHub();
    const answer = await call(hub, "POST", "/devices", [
      { id: "board-1", importMode: "create" },
      { id: "board-2", importMode: "createOrUpdate" },
      { id: "board-2", moduleId: "agent", importMode: "create" },
      { id: "board-8", importMode: "update" },
      { id: "board-9", importMode: "delete" },
      { id: "board-1", importMode: "UpdateIfMatchETag", eTag: "abc=" },
      { id: "board-1", moduleId: "agent", importMode: "delete" },
    ]);
    expect(answer.status).toBe(400);
    expect(json(answer)).toEqual({
      isSuccessful: false,
      errors: [
        {
          deviceId: "board-1",
          errorCode: "DeviceAlreadyExists",
          errorStatus: "A device with ID 'board-1' is already registered.",
        },
        { deviceId: "board-8", errorCode: "DeviceNotFound", errorStatus: "board-8" },
        { deviceId: "board-9", errorCode: "DeviceNotFound", errorStatus: "board-9" },
        { deviceId: "board-1", errorCode: "PreconditionFailed", errorStatus: "PreconditionFailed" },
      ],
      warnings: [],
    });
    expect((await call(hub, "GET", "/devices/board-2/modules/agent")).status).toBe(200);
    expect((await call(hub, "GET", "/devices/board-1/modules")).body).toBe("[]");
  });

  it.each([
    { items: [] },
    { items: Array.from({ length: 101 }, () => ({ id: "a" })) },
    { items: [{ id: 5 }] },
    { items: [{ id: "a", importMode: "burn" }] },
  ])("that cannot be meant is refused whole", async ({ items }) => {
    const answer = await call(await testHub(), "POST", "/devices", items);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, "ArgumentInvalid"]);
  });

  it("removes and updates through the SDK", async () => {
    const hub = await startHub();
    const { registry } = serviceClients(hub);
    const updated = await registry.updateDevices([{ deviceId: "board-1", status: "disabled" }], true);
    expect(updated.responseBody).toMatchObject({ isSuccessful: true });
    const removed = await registry.removeDevices([{ deviceId: "board-1" }], true);
    expect(removed.responseBody).toMatchObject({ isSuccessful: true });
    expect((await call(hub, "GET", "/devices")).body).toBe("[]");
  });
});

describe("a module identity", () => {
  it("cannot be read on a disabled device, its twin can", async () => {
    const hub = await startHub();
    await call(hub, "PUT", "/devices/board-1", { status: "disabled" }, "*");
    expect((await call(hub, "GET", "/devices/board-1/modules/agent")).status).toBe(401);
    expect((await call(hub, "GET", "/twins/board-1/modules/agent")).status).toBe(200);
  });

  it.each([
    { what: "read, when it is not there", method: "GET", path: "other", status: 404 },
    { what: "called as IoT Edge's are", method: "PUT", path: "$edgeAgent", body: {}, status: 400 },
    { what: "removed without If-Match", method: "DELETE", path: "agent", status: 412 },
    { what: "removed", method: "DELETE", path: "agent", ifMatch: "*", status: 204 },
    { what: "changed", method: "PUT", path: "agent", body: { managedBy: "me" }, ifMatch: "*", status: 200 },
  ])("that is $what: $status", async ({ method, path, body, ifMatch, status }) => {
    const answer = await call(await startHub(), method, `/devices/board-1/modules/${path}`, body, ifMatch);
    expect(answer.status).toBe(status);
  });

  it("is one of at most 50", async () => {
    const hub = await testHub();
    await hub.addDevice("board-1");
    for (let n = 0; n < 50; n += 1) await hub.addModule("board-1", `module-${n}`);
    const answer = await call(hub, "PUT", "/devices/board-1/modules/one-more", {});
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([413, "TooManyModulesOnDevice"]);
  });
});

describe("a query", () => {
  it("is paged by the SDK", async () => {
    const { registry } = serviceClients(await bulkHub(7));
    const query = registry.createQuery("SELECT * FROM devices WHERE tags.rack = 0", 3);
    const pages: string[][] = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      pages.push(result.map(({ deviceId }: { deviceId: string }) => deviceId));
    }
    expect(pages).toEqual([["board-0", "board-2", "board-4"], ["board-6"]]);
  });

  it("returns the type of its items and a continuation token", async () => {
    const hub = await bulkHub(3);
    const request = {
      method: "POST",
      path: `/devices/query?${VERSION}`,
      body: '{"query":"SELECT deviceId FROM devices"}',
    };
    const first = await callHub(hub, { ...request, headers: { "x-ms-max-item-count": "2" } });
    expect(first.headers["x-ms-item-type"]).toBe("Raw");
    const continuation = String(first.headers["x-ms-continuation"]);
    const rest = await callHub(hub, { ...request, headers: { "x-ms-continuation": continuation } });
    expect(rest.body).toBe('[{"deviceId":"board-2"}]');
    expect(rest.headers["x-ms-continuation"]).toBeUndefined();
    const forged = await callHub(hub, { ...request, headers: { "x-ms-continuation": "abc" } });
    expect(forged.status).toBe(400);
  });

  it.each([
    { body: { query: "SELECT * FROM devices.jobs" }, hint: "no jobs" },
    { body: { query: `SELECT * FROM devices WHERE a = '${"x".repeat(8192)}'` }, hint: "longer than 8192" },
    { body: { query: "SELECT nothing" }, hint: "expected FROM" },
  ])("that cannot be answered gives a hint beside the real hub's words: $hint", async ({ body, hint }) => {
    const answer = await call(await testHub(), "POST", "/devices/query", body);
    expect(answer.body).toContain('"Message":"ErrorCode:ArgumentInvalid;BadRequest"');
    expect(decodeURI(String(answer.headers["x-local-hub-hint"]))).toContain(hint);
  });

  it("that is missing is ArgumentNull", async () => {
    const answer = await call(await testHub(), "POST", "/devices/query", {});
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, "ArgumentNull"]);
  });
});

describe("a direct method", () => {
  const reboot = { methodName: "reboot", payload: {} };

  it("waits for a device that connects", async () => {
    const hub = await startHub();
    const response = call(hub, "POST", "/twins/board-1/methods", { ...reboot, connectTimeoutInSeconds: 20 });
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    const { topic } = await raw.next("$iothub/methods/POST/reboot/");
    raw.client.publish(`$iothub/methods/res/200/?$rid=${topic.split("$rid=")[1]}`, "{}");
    expect((await response).body).toBe('{"status":200,"payload":{}}');
  });

  it("ends with 504 when the device does not answer", async () => {
    const clock = new ManualClock();
    const hub = await testHub({ clock });
    await hub.addDevice("board-1");
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    const response = call(hub, "POST", "/twins/board-1/methods", { ...reboot, responseTimeoutInSeconds: 5 });
    await raw.next("$iothub/methods/POST/");
    clock.advance(5000);
    expect((await response).status).toBe(504);
    expect((await response).body).toContain(
      String.raw`\"message\":\"Timed out waiting for the response from device.\"`,
    );
  });

  it("ends at once when the device disconnects", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    const response = call(hub, "POST", "/twins/board-1/methods", reboot);
    await raw.next("$iothub/methods/POST/");
    raw.client.end(true);
    expect([(await response).status, (await response).headers["iothub-errorcode"]]).toEqual([
      404,
      "DeviceConnectionClosedRemotely",
    ]);
  });

  it("with a response that is not JSON is 502", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/methods/POST/reboot/#");
    const response = call(hub, "POST", "/twins/board-1/methods", reboot);
    const { topic } = await raw.next("$iothub/methods/POST/");
    raw.client.publish(`$iothub/methods/res/200/?$rid=${topic.split("$rid=")[1]}`, "oops");
    expect((await response).status).toBe(502);
  });

  it.each([
    {
      what: "of a device that is not registered",
      path: "/twins/board-9/methods",
      body: reboot,
      status: 404,
      errorCode: "DeviceNotFound",
    },
    {
      what: "of a module that is not registered",
      path: "/twins/board-1/modules/x/methods",
      body: reboot,
      status: 404,
      errorCode: "DeviceNotFound",
    },
    {
      what: "with more than 128 KB",
      path: "/twins/board-1/methods",
      body: { ...reboot, payload: "x".repeat(131_071) },
      status: 413,
      errorCode: "MessageTooLarge",
    },
    {
      what: "with a name it may not have",
      path: "/twins/board-1/methods",
      body: { methodName: "re boot" },
      status: 400,
      errorCode: "ArgumentInvalid",
    },
  ])("$what is $status", async ({ path, body, status, errorCode }) => {
    const answer = await call(await startHub(), "POST", path, body);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, errorCode]);
    expect(json(answer)["ExceptionMessage"]).toBe("");
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
    expect(json(await callHub(hub, { method: "GET", path: "/local-hub/status" }))).toEqual({
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
    expect((await call(hub, "GET", "/statistics/service")).body).toBe('{"connectedDeviceCount":1}');
  });
});
