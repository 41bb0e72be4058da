import { describe, expect, it } from "vitest";
import type { Policies } from "../../../../../service-tools/local-hub/auth/shared-access.ts";
import type { Target } from "../../../../../service-tools/local-hub/lib/target.ts";
import { authenticate, parseUserName } from "../../../../../service-tools/local-hub/gateway/authenticate.ts";
import type { KnownIdentity, ConnectRequest } from "../../../../../service-tools/local-hub/gateway/authenticate.ts";
import { sasToken } from "../../../../support/sas-token.ts";

const NOW_S = 1_800_000_000;
const LATER_S = NOW_S + 60;
const key = (seed: number): string => Buffer.alloc(32, seed).toString("base64");
const pair = (seed: number): { primaryKey: string; secondaryKey: string } => ({
  primaryKey: key(seed),
  secondaryKey: key(seed + 1),
});
const policies: Policies = {
  iothubowner: pair(1),
  service: pair(3),
  device: pair(5),
  registryRead: pair(7),
  registryReadWrite: pair(9),
};
const around = { names: { hosts: ["localhost", "hub.test"], ports: [18_883] }, policies, nowMs: NOW_S * 1000 };
const noThumbprints = { primaryThumbprint: null, secondaryThumbprint: null };

const known: Record<string, KnownIdentity> = {
  "board-1": {
    enabled: true,
    authentication: { type: "sas", symmetricKey: pair(20), x509Thumbprint: noThumbprints },
  },
  "board-1/agent": {
    enabled: true,
    authentication: { type: "sas", symmetricKey: pair(30), x509Thumbprint: noThumbprints },
  },
  asleep: {
    enabled: false,
    authentication: { type: "sas", symmetricKey: pair(20), x509Thumbprint: noThumbprints },
  },
  certified: {
    enabled: true,
    authentication: {
      type: "selfSigned",
      symmetricKey: { primaryKey: null, secondaryKey: null },
      x509Thumbprint: noThumbprints,
    },
  },
};

function find({ deviceId, moduleId }: Target): KnownIdentity | undefined {
  return known[moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`];
}

const good: ConnectRequest = {
  clientId: "board-1",
  userName: "localhost:18883/board-1/?api-version=2021-04-12&DeviceClientType=x",
  password: sasToken("localhost:18883/devices/board-1", key(20), LATER_S),
};

describe("a CONNECT", () => {
  it.each<{ what: string; request: Partial<ConnectRequest> }>([
    { what: "of the SDK", request: {} },
    {
      what: "to the hub's own name, through a gateway host name",
      request: {
        userName: "hub.test/board-1/?api-version=2021-04-12",
        password: sasToken("hub.test/devices/board-1", key(20), LATER_S),
      },
    },
    { what: "without an api-version", request: { userName: "localhost/board-1" } },
    {
      what: "of a client that leaves the question mark out",
      request: { userName: "localhost/board-1/api-version=2018-06-30" },
    },
    { what: "with the secondary key", request: { password: sasToken("localhost/devices/board-1", key(21), LATER_S) } },
    {
      what: "with the device policy",
      request: { password: sasToken("localhost/devices/board-1", key(5), LATER_S, "device") },
    },
    {
      what: "of a module",
      request: {
        clientId: "board-1/agent",
        userName: "localhost/board-1/agent/?api-version=2021-04-12",
        password: sasToken("localhost/devices/board-1/modules/agent", key(30), LATER_S),
      },
    },
  ])("$what is accepted", ({ request }) => {
    expect(authenticate({ ...good, ...request }, find, around)).toMatchObject({
      ok: true,
      expiresAtMs: LATER_S * 1000,
    });
  });

  it.each<{ what: string; request: Partial<ConnectRequest>; returnCode: 4 | 5; why: string }>([
    { what: "no user name", request: { userName: undefined }, returnCode: 4, why: "the user name is not" },
    {
      what: "a user name that is only a name",
      request: { userName: "board-1" },
      returnCode: 4,
      why: "the user name is not",
    },
    {
      what: "a user name with too many parts",
      request: { userName: "localhost/a/b/c/?x" },
      returnCode: 4,
      why: "the user name is not",
    },
    {
      what: "another hub",
      request: { userName: "other.net/board-1/?api-version=1" },
      returnCode: 5,
      why: "for the hub 'other.net'",
    },
    {
      what: "another port",
      request: { userName: "localhost:1/board-1/?api-version=1" },
      returnCode: 5,
      why: "for the hub 'localhost:1'",
    },
    {
      what: "another client id",
      request: { clientId: "mqttjs_1" },
      returnCode: 5,
      why: "the client id 'mqttjs_1' is not 'board-1'",
    },
    {
      what: "an unknown device",
      request: { clientId: "board-9", userName: "localhost/board-9/?x" },
      returnCode: 5,
      why: "'board-9' is not registered",
    },
    {
      what: "an unknown module",
      request: { clientId: "board-1/x", userName: "localhost/board-1/x/?x" },
      returnCode: 5,
      why: "'board-1/x' is not registered",
    },
    {
      what: "a disabled device",
      request: { clientId: "asleep", userName: "localhost/asleep/?x" },
      returnCode: 5,
      why: "the device 'asleep' is disabled",
    },
    {
      what: "no password",
      request: { password: undefined },
      returnCode: 5,
      why: "the password is not a SharedAccessSignature",
    },
    {
      what: "the wrong key",
      request: { password: sasToken("localhost/devices/board-1", key(99), LATER_S) },
      returnCode: 5,
      why: "signature does not match",
    },
    {
      what: "the wrong audience",
      request: { password: sasToken("localhost/devices/board-2", key(20), LATER_S) },
      returnCode: 5,
      why: "the token's audience",
    },
    {
      what: "an expired token",
      request: { password: sasToken("localhost/devices/board-1", key(20), NOW_S - 1) },
      returnCode: 5,
      why: "the token expired",
    },
    {
      what: "a token where a certificate is due",
      request: {
        clientId: "certified",
        userName: "localhost/certified/?x",
        password: sasToken("localhost/devices/certified", key(20), LATER_S),
      },
      returnCode: 5,
      why: "signature does not match",
    },
    {
      what: "the service policy",
      request: { password: sasToken("localhost", key(3), LATER_S, "service") },
      returnCode: 5,
      why: "does not have the permission DeviceConnect",
    },
  ])("with $what is refused with $returnCode", ({ request, returnCode, why }) => {
    const admission = authenticate({ ...good, ...request }, find, around);
    expect(admission).toMatchObject({ ok: false, returnCode });
    expect(admission.ok ? "" : admission.why).toContain(why);
  });
});

describe("a user name", () => {
  it.each([
    ["hub.test/a/?api-version=2021-04-12", { hostName: "hub.test", target: { deviceId: "a" } }],
    ["hub.test/a/b/?api-version=2021-04-12", { hostName: "hub.test", target: { deviceId: "a", moduleId: "b" } }],
    ["hub.test/what?is#this/?x=1", { hostName: "hub.test", target: { deviceId: "what?is#this" } }],
    ["hub.test/a/DeviceClientType=c", { hostName: "hub.test", target: { deviceId: "a" } }],
    ["hub.test//?x", undefined],
    ["hub.test/a//?x", undefined],
    ["/a/?x", undefined],
    ["", undefined],
  ])("%s", (text, expected) => {
    expect(parseUserName(text)).toEqual(expected);
  });
});
