import { describe, expect, it } from "vitest";
import { authorizeDevice, authorizeService } from "../../../../../service-tools/local-hub/auth/authorize.ts";
import type { Policies, PolicyName, Permission } from "../../../../../service-tools/local-hub/auth/shared-access.ts";
import { sasToken } from "../../../../support/sas-token.ts";

const NOW_S = 1_800_000_000;
const LATER_S = NOW_S + 3600;

const key = (seed: number): string => Buffer.alloc(32, seed).toString("base64");
const policies: Policies = {
  iothubowner: { primaryKey: key(1), secondaryKey: key(2) },
  service: { primaryKey: key(3), secondaryKey: key(4) },
  device: { primaryKey: key(5), secondaryKey: key(6) },
  registryRead: { primaryKey: key(7), secondaryKey: key(8) },
  registryReadWrite: { primaryKey: key(9), secondaryKey: key(10) },
};
const around = { names: { hosts: ["localhost"], ports: [18_443] }, policies, nowMs: NOW_S * 1000 };

/** "Access control and permissions", iot-hub-dev-guide-sas. */
const rights: { policy: PolicyName; rights: Permission[] }[] = [
  { policy: "iothubowner", rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"] },
  { policy: "service", rights: ["ServiceConnect"] },
  { policy: "device", rights: ["DeviceConnect"] },
  { policy: "registryRead", rights: ["RegistryRead"] },
  { policy: "registryReadWrite", rights: ["RegistryRead", "RegistryWrite"] },
];
const allRights: Permission[] = ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"];
const matrix = rights.flatMap(({ policy, rights: granted }) =>
  allRights.map((permission) => ({ policy, permission, allowed: granted.includes(permission) })),
);

describe("a service token", () => {
  it.each(matrix)("of $policy for $permission: $allowed", ({ policy, permission, allowed }) => {
    const token = sasToken("localhost", policies[policy].primaryKey, LATER_S, policy);
    expect(authorizeService(token, permission, ["devices"], around).ok).toBe(allowed);
  });

  const owner = policies.iothubowner;
  const good = sasToken("localhost", owner.primaryKey, LATER_S, "iothubowner");

  it("may be signed with the secondary key", () => {
    const token = sasToken("localhost", owner.secondaryKey, LATER_S, "iothubowner");
    expect(authorizeService(token, "RegistryRead", ["devices"], around).ok).toBe(true);
  });

  it("may be for the path alone", () => {
    const token = sasToken("localhost:18443/devices", owner.primaryKey, LATER_S, "iothubowner");
    expect(authorizeService(token, "RegistryRead", ["devices", "board-1"], around).ok).toBe(true);
    expect(authorizeService(token, "ServiceConnect", ["twins", "board-1"], around).ok).toBe(false);
  });

  it.each<{ what: string; header: string | undefined; why: string }>([
    { what: "none", header: undefined, why: "the Authorization header is missing" },
    { what: "a bearer token", header: "Bearer abc", why: "not a SharedAccessSignature" },
    { what: "no expiry", header: good.replace(/&se=\d+/, ""), why: "not a SharedAccessSignature" },
    {
      what: "an expiry that is no number",
      header: good.replace(/&se=\d+/, "&se=soon"),
      why: "not a SharedAccessSignature",
    },
    { what: "no policy", header: good.replace("&skn=iothubowner", ""), why: "names no shared access policy" },
    {
      what: "an unknown policy",
      header: good.replace("skn=iothubowner", "skn=boss"),
      why: "no shared access policy 'boss'",
    },
    {
      what: "an inherited name as policy",
      header: good.replace("skn=iothubowner", "skn=toString"),
      why: "no shared access policy 'toString'",
    },
    {
      what: "another policy's name",
      header: good.replace("skn=iothubowner", "skn=registryRead"),
      why: "signature does not match",
    },
    { what: "a changed expiry", header: good.replace(/se=\d+/, `se=${LATER_S + 1}`), why: "signature does not match" },
    {
      what: "another key",
      header: sasToken("localhost", key(99), LATER_S, "iothubowner"),
      why: "signature does not match",
    },
    {
      what: "another hub",
      header: sasToken("other.azure-devices.net", owner.primaryKey, LATER_S, "iothubowner"),
      why: "is not this hub's",
    },
    {
      what: "an expired one",
      header: sasToken("localhost", owner.primaryKey, NOW_S, "iothubowner"),
      why: "the token expired at 2027-01-15T08:00:00.000Z",
    },
    {
      what: "broken escapes",
      header: "SharedAccessSignature sr=%E0%A4%A&sig=a&se=1&skn=x",
      why: "not a SharedAccessSignature",
    },
  ])("is refused: $what", ({ header, why }) => {
    const result = authorizeService(header, "RegistryRead", ["devices"], around);
    expect(result.ok ? "accepted" : result.why).toContain(why);
  });

  it("is never repeated in the reason", () => {
    const result = authorizeService(`${good}x`, "RegistryRead", ["twins"], around);
    expect(JSON.stringify(result)).not.toContain("sig=");
  });
});

describe("a device token", () => {
  const own = [key(20), key(21)];
  const path = ["devices", "board-1"];

  it.each([
    { what: "its primary key", token: sasToken("localhost/devices/board-1", key(20), LATER_S), ok: true },
    { what: "its secondary key", token: sasToken("localhost/devices/board-1", key(21), LATER_S), ok: true },
    { what: "the key of another device", token: sasToken("localhost/devices/board-1", key(22), LATER_S), ok: false },
    { what: "its key for another device", token: sasToken("localhost/devices/board-2", key(20), LATER_S), ok: false },
    { what: "its key, expired", token: sasToken("localhost/devices/board-1", key(20), NOW_S - 1), ok: false },
    { what: "the device policy", token: sasToken("localhost/devices/board-1", key(5), LATER_S, "device"), ok: true },
    { what: "the owner policy", token: sasToken("localhost", key(1), LATER_S, "iothubowner"), ok: true },
    { what: "the service policy", token: sasToken("localhost", key(3), LATER_S, "service"), ok: false },
    { what: "no token at all", token: "secret", ok: false },
  ])("with $what: $ok", ({ token, ok }) => {
    expect(authorizeDevice(token, own, path, around).ok).toBe(ok);
  });

  it("says until when it is good and by which key", () => {
    const token = sasToken("localhost/devices/board-1", key(21), LATER_S);
    expect(authorizeDevice(token, own, path, around)).toEqual({ ok: true, expiresAtMs: LATER_S * 1000, key: key(21) });
  });
});
