import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { httpExchanges } from "../../fixtures/wire/http.ts";
import type { HttpExchange } from "../../fixtures/wire/http.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import type { ServiceClients } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { callHub } from "../../support/raw-https.ts";
import { templatePattern, templateMatcher } from "../../support/wire-template.ts";

type Name = keyof typeof httpExchanges;
const names = Object.keys(httpExchanges).filter((name): name is Name => name in httpExchanges);

async function startHub(): Promise<LocalHub> {
  const hub = await testHub();
  await hub.addDevice("board-1");
  await hub.addModule("board-1", "agent");
  return hub;
}

describe("over HTTPS without an SDK", () => {
  it.each(names)("%s", async (name) => {
    const exchange: HttpExchange = httpExchanges[name];
    const answer = await callHub(await startHub(), exchange.request);
    expect(answer.body).toMatch(templatePattern(exchange.body));
    expect(answer.status).toBe(exchange.status);
    expect(answer.headers["iothub-errorcode"]).toBe(exchange.errorCode);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.headers["x-ms-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

const reboot = { methodName: "rebootDevice", payload: null };

/** The same exchanges as the SDK carries them out. */
const throughSdk: Record<Name, (clients: ServiceClients) => Promise<unknown>> = {
  "a device is registered": ({ registry }) => registry.create({ deviceId: "board-2" }),
  "a device is there already": ({ registry }) => registry.create({ deviceId: "board-1" }),
  "a device is not there": ({ registry }) => registry.get("board-9"),
  // The SDK updates devices with If-Match: "*" only; modules show the same.
  "a device has another etag": ({ registry }) =>
    registry.updateModule({ deviceId: "board-1", moduleId: "agent", etag: "OTQ1MjczNDU0" }),
  "a module is read": ({ registry }) => registry.getModule("board-1", "agent"),
  "a module is there already": ({ registry }) => registry.addModule({ deviceId: "board-1", moduleId: "agent" }),
  "a module's device is not there": ({ registry }) => registry.getModule("board-9", "agent"),
  "a new twin is read": ({ registry }) => registry.getTwin("board-1"),
  "a twin is patched": ({ registry }) =>
    registry.updateTwin("board-1", { tags: { site: "a" }, properties: { desired: { username: "userA" } } }, "*"),
  "a module's twin is read": ({ registry }) => registry.getModuleTwin("board-1", "agent"),
  "a twin has another etag": ({ registry }) => registry.updateTwin("board-1", { tags: { site: "a" } }, "AAAAAAAAAAc="),
  "a property name is not allowed": ({ registry }) =>
    registry.updateTwin("board-1", { properties: { desired: { "m2(<#a": 1 } } }, "*"),
  "a method finds its device offline": ({ client }) => client.invokeDeviceMethod("board-1", reboot),
  "a method may not wait that long": ({ client }) =>
    client.invokeDeviceMethod("board-1", "agent", { ...reboot, responseTimeoutInSeconds: 3000 }),
  "devices are counted": ({ registry }) => registry.getRegistryStatistics(),
  "devices are added in bulk": ({ registry }) =>
    registry.addDevices([{ deviceId: "board-2" }, { deviceId: "board-3" }]),
  "twins are queried": ({ registry }) =>
    registry.createQuery("SELECT deviceId, moduleId, etag FROM devices.modules WHERE deviceId = 'board-1'").next(),
  "a query cannot be read": ({ registry }) => registry.createQuery("SELECT FROM WHERE").next(),
  "the caller is not authorized": ({ registry }) => registry.get("board-1"),
};

describe("through azure-iothub", () => {
  it.each(names)("%s", async (name) => {
    const exchange: HttpExchange = httpExchanges[name];
    const hub = await startHub();
    const forged = hub.serviceConnectionString().replace(/SharedAccessKey=.*/, "SharedAccessKey=AAAA");
    const clients = serviceClients(hub, name === "the caller is not authorized" ? forged : undefined);
    const outcome = await throughSdk[name](clients).then(
      (answer) => ({ answer, error: undefined }),
      (error: unknown) => ({ answer: undefined, error }),
    );
    const body = bodyOf(outcome.error ?? outcome.answer);
    // Errors keep the text of their body; answers are parsed.
    const parsed: unknown = typeof body === "string" ? JSON.parse(body) : body;
    expect(parsed).toMatchObject(templateMatcher(exchange.body));
    expect(outcome.error === undefined).toBe(exchange.status < 300);
  });
});

/** What came over the wire, wherever the SDK has put it; its objects have members of their own beside. */
function bodyOf(outcome: unknown): unknown {
  for (const name of ["responseBody", "result"]) {
    const inner: unknown = Reflect.get(Object(outcome), name);
    if (inner !== undefined) return typeof inner === "string" ? inner : JSON.parse(JSON.stringify(inner));
  }
  return outcome;
}
