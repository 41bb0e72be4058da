import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { hubWith, testHub } from "../../support/local-hub.ts";
import { apiVersion, callHub, callRest, jsonOf } from "../../support/raw-https.ts";

const startHub = async (): Promise<LocalHub> => hubWith(["board-1", "board-1/agent"]);

describe("a device identity", () => {
  it("keeps the given keys, and has its etag in a header too", async () => {
    const hub = await testHub();
    const [primaryKey, secondaryKey] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
    const authentication = { type: "sas", symmetricKey: { primaryKey, secondaryKey } };
    const created = await callRest(hub, "PUT", "/devices/board-1", { deviceId: "board-1", authentication });
    expect(jsonOf(created)).toMatchObject({ authentication });
    expect(created.headers.etag).toBe(`"${String(jsonOf(created)["etag"])}"`);
    expect(hub.deviceConnectionString("board-1")).toContain(`SharedAccessKey=${primaryKey}`);
  });

  it("is changed with its etag, which then differs", async () => {
    const hub = await startHub();
    const before = await callRest(hub, "GET", "/devices/board-1");
    const body = { ...jsonOf(before), status: "disabled", statusReason: "on the bench" };
    const after = await callRest(hub, "PUT", "/devices/board-1", body, before.headers.etag);
    expect(jsonOf(after)).toMatchObject({ status: "disabled", statusReason: "on the bench" });
    expect(jsonOf(after)["authentication"]).toEqual(jsonOf(before)["authentication"]);
    expect(jsonOf(after)["statusUpdatedTime"]).not.toBe("0001-01-01T00:00:00Z");
    const stale = await callRest(hub, "PUT", "/devices/board-1", body, before.headers.etag);
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
    expect((await callRest(await startHub(), method, path, body, ifMatch)).status).toBe(status);
  });

  it("is removed with its modules and its twin", async () => {
    const hub = await startHub();
    await callRest(hub, "DELETE", "/devices/board-1", undefined, "*");
    expect((await callRest(hub, "GET", "/twins/board-1")).headers["iothub-errorcode"]).toBe("DeviceNotFound");
    expect((await callRest(hub, "GET", "/twins/board-1/modules/agent")).status).toBe(404);
    await callRest(hub, "PUT", "/devices/board-1", {});
    expect((await callRest(hub, "GET", "/devices/board-1/modules")).body).toBe("[]");
  });

  it("may have any name that IoT Hub allows", async () => {
    const hub = await testHub();
    const deviceId = "a-._%#*?!(),=@$'+:Z";
    const path = `/devices/${encodeURIComponent(deviceId)}`;
    expect(jsonOf(await callRest(hub, "PUT", path, { deviceId }))).toMatchObject({ deviceId });
    expect((await callRest(hub, "GET", path)).status).toBe(200);
    expect((await callRest(hub, "GET", path.replace("/devices/", "/twins/"))).status).toBe(200);
  });

  it("is listed, up to the requested number", async () => {
    const { registry } = serviceClients(await bulkHub(5));
    expect((await registry.list()).responseBody.map(({ deviceId }) => deviceId)).toHaveLength(5);
    const hub = await bulkHub(5);
    const listed = await callRest(hub, "GET", "/devices?top=2");
    expect(JSON.parse(listed.body)).toHaveLength(2);
    expect((await callRest(hub, "GET", "/devices?top=0")).status).toBe(400);
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
  expect((await callRest(hub, "POST", "/devices", items)).status).toBe(200);
  return hub;
}

describe("a bulk request", () => {
  it("creates twins along with identities, in version 1", async () => {
    const hub = await bulkHub(2);
    const twin = jsonOf(await callRest(hub, "GET", "/twins/board-1"));
    expect(twin).toMatchObject({
      etag: "AAAAAAAAAAE=",
      version: 2,
      tags: { rack: 1, last: true },
      properties: { desired: { interval: 1, $version: 1, $metadata: { $lastUpdatedVersion: 1 } } },
    });
  });

  it("applies what is valid, and reports what is not", async () => {
    const hub = await startHub();
    const answer = await callRest(hub, "POST", "/devices", [
      { id: "board-1", importMode: "create" },
      { id: "board-2", importMode: "createOrUpdate" },
      { id: "board-2", moduleId: "agent", importMode: "create" },
      { id: "board-8", importMode: "update" },
      { id: "board-9", importMode: "delete" },
      { id: "board-1", importMode: "UpdateIfMatchETag", eTag: "abc=" },
      { id: "board-1", moduleId: "agent", importMode: "delete" },
    ]);
    expect(answer.status).toBe(400);
    expect(jsonOf(answer)).toEqual({
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
    expect((await callRest(hub, "GET", "/devices/board-2/modules/agent")).status).toBe(200);
    expect((await callRest(hub, "GET", "/devices/board-1/modules")).body).toBe("[]");
  });

  it.each([
    { items: [] },
    { items: Array.from({ length: 101 }, () => ({ id: "a" })) },
    { items: [{ id: 5 }] },
    { items: [{ id: "a", importMode: "burn" }] },
  ])("that cannot be meant is refused whole", async ({ items }) => {
    const answer = await callRest(await testHub(), "POST", "/devices", items);
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, "ArgumentInvalid"]);
  });

  it("removes and updates through the SDK", async () => {
    const hub = await startHub();
    const { registry } = serviceClients(hub);
    const updated = await registry.updateDevices([{ deviceId: "board-1", status: "disabled" }], true);
    expect(updated.responseBody).toMatchObject({ isSuccessful: true });
    const removed = await registry.removeDevices([{ deviceId: "board-1" }], true);
    expect(removed.responseBody).toMatchObject({ isSuccessful: true });
    expect((await callRest(hub, "GET", "/devices")).body).toBe("[]");
  });
});

describe("a module identity", () => {
  it("cannot be read on a disabled device, its twin can", async () => {
    const hub = await startHub();
    await callRest(hub, "PUT", "/devices/board-1", { status: "disabled" }, "*");
    expect((await callRest(hub, "GET", "/devices/board-1/modules/agent")).status).toBe(401);
    expect((await callRest(hub, "GET", "/twins/board-1/modules/agent")).status).toBe(200);
  });

  it.each([
    { what: "read, when it is not there", method: "GET", path: "other", status: 404 },
    { what: "called as IoT Edge's are", method: "PUT", path: "$edgeAgent", body: {}, status: 400 },
    { what: "removed without If-Match", method: "DELETE", path: "agent", status: 412 },
    { what: "removed", method: "DELETE", path: "agent", ifMatch: "*", status: 204 },
    { what: "changed", method: "PUT", path: "agent", body: { managedBy: "me" }, ifMatch: "*", status: 200 },
  ])("that is $what: $status", async ({ method, path, body, ifMatch, status }) => {
    const answer = await callRest(await startHub(), method, `/devices/board-1/modules/${path}`, body, ifMatch);
    expect(answer.status).toBe(status);
  });

  it("is one of at most 50", async () => {
    const hub = await testHub();
    await hub.addDevice("board-1");
    for (let n = 0; n < 50; n += 1) await hub.addModule("board-1", `module-${n}`);
    const answer = await callRest(hub, "PUT", "/devices/board-1/modules/one-more", {});
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
      path: `/devices/query?${apiVersion}`,
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
    const answer = await callRest(await testHub(), "POST", "/devices/query", body);
    expect(answer.body).toContain('"Message":"ErrorCode:ArgumentInvalid;BadRequest"');
    expect(decodeURI(String(answer.headers["x-local-hub-hint"]))).toContain(hint);
  });

  it("that is missing is ArgumentNull", async () => {
    const answer = await callRest(await testHub(), "POST", "/devices/query", {});
    expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([400, "ArgumentNull"]);
  });
});
