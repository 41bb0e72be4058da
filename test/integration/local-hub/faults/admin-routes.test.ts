import { describe, expect, it } from "vitest";
import { faultNames } from "../../../../service-tools/local-hub/faults/catalog.ts";
import type { LocalHub } from "../../../../service-tools/local-hub/options.ts";
import { testHub } from "../../../support/local-hub.ts";
import { callHub, serviceToken } from "../../../support/raw-https.ts";
import type { RawAnswer } from "../../../support/raw-https.ts";

async function post(hub: LocalHub, body: object): Promise<RawAnswer> {
  return callHub(hub, { method: "POST", path: "/local-hub/faults", body: JSON.stringify(body) });
}

async function list(hub: LocalHub): Promise<object[]> {
  return JSON.parse((await callHub(hub, { method: "GET", path: "/local-hub/faults" })).body);
}

describe("the hub's pages about faults", () => {
  it("list all faults", async () => {
    const { body } = await callHub(await testHub(), { method: "GET", path: "/local-hub/fault-kinds" });
    expect(Object.keys(JSON.parse(body))).toEqual(faultNames());
  });

  it("add, list and end one", async () => {
    const hub = await testHub();
    const options = { deviceId: "board-1", forMs: 60_000 };
    const { status, body } = await post(hub, { name: "latency", parameters: { delayMs: 5 }, options });
    const { id }: { id: string } = JSON.parse(body);
    const parameters = { direction: "both", delayMs: 5, jitterMs: 0 };
    const fault = { id, name: "latency", parameters, options, state: "on", struck: 0 };
    expect([status, await list(hub)]).toEqual([200, [fault]]);
    await callHub(hub, { method: "DELETE", path: `/local-hub/faults/${id}` });
    expect(await list(hub)).toEqual([{ ...fault, state: "over" }]);
  });

  it("end all, and can be reached while REST is refused", async () => {
    const hub = await testHub();
    await post(hub, { name: "rest-refused" });
    expect((await callHub(hub, { method: "GET", path: "/devices?api-version=2021-04-12" })).status).toBe(429);
    await callHub(hub, { method: "DELETE", path: "/local-hub/faults" });
    expect(await list(hub)).toEqual([]);
    expect((await callHub(hub, { method: "GET", path: "/devices?api-version=2021-04-12" })).status).toBe(200);
  });

  it.each([
    { what: "no such fault", body: { name: "flood" }, why: "Unknown fault 'flood'" },
    { what: "a wrong parameter", body: { name: "reset", parameters: { x: 1 } }, why: "no parameter 'x'" },
    { what: "a member too many", body: { name: "reset", deviceId: "board-1" }, why: "unknown keys: deviceId" },
    { what: "no name", body: {}, why: "a string 'name'" },
  ])("refuse $what", async ({ body, why }) => {
    const answer = await post(await testHub(), body);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain(why);
  });

  it("are for iothubowner only", async () => {
    const hub = await testHub();
    const authorization = serviceToken(hub, hub.serviceConnectionString("service"));
    const answer = await callHub(hub, { method: "GET", path: "/local-hub/faults", headers: { authorization } });
    expect(answer.status).toBe(401);
  });
});
