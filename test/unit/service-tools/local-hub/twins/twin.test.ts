import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../service-tools/local-hub/lib/json.ts";
import type { Result } from "../../../../../service-tools/local-hub/lib/error-response.ts";
import {
  newTwin,
  patchByDevice,
  patchByService,
  replaceByService,
  twinFrom,
} from "../../../../../service-tools/local-hub/twins/twin.ts";
import type { Twin } from "../../../../../service-tools/local-hub/twins/twin.ts";

const BORN = "2026-01-01T00:00:00.000Z";
const FIRST = "2026-01-02T00:00:00.000Z";
const SECOND = "2026-01-03T00:00:00.000Z";

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function keys(prefix: string): [string, string][] {
  return Array.from({ length: 5 }, (_, index) => [`${prefix}${index}`, "x".repeat(4000)]);
}

function patched(twin: Twin, body: JsonObject, at: string): Twin {
  return valueOf(patchByService(twin, body, at)).twin;
}

describe("a new twin", () => {
  it("has versions 1, 1 and 2, and the etag of 1", () => {
    expect(newTwin(BORN)).toEqual({
      tags: {},
      desired: { content: {}, metadata: { $lastUpdated: BORN }, version: 1 },
      reported: { content: {}, metadata: { $lastUpdated: BORN }, version: 1 },
      version: 2,
      etagCounter: 1,
    });
  });

  it("may be born with tags and desired properties, all of version 1", () => {
    const twin = valueOf(twinFrom({ tags: { site: "a" }, properties: { desired: { x: { y: 1 } } } }, BORN));
    const stamp = { $lastUpdated: BORN, $lastUpdatedVersion: 1 };
    expect(twin.tags).toEqual({ site: "a" });
    expect(twin.desired).toEqual({
      content: { x: { y: 1 } },
      metadata: { ...stamp, x: { ...stamp, y: stamp } },
      version: 1,
    });
  });
});

describe("PATCH by the service", () => {
  it("merges desired properties, counts one version and stamps what it touched", () => {
    const twin = patched(newTwin(BORN), { properties: { desired: { a: { b: 1, c: 2 } } } }, FIRST);
    const after = patched(twin, { properties: { desired: { a: { c: null, d: 3 } } } }, SECOND);
    const second = { $lastUpdated: SECOND, $lastUpdatedVersion: 3 };
    expect(after.desired).toEqual({
      content: { a: { b: 1, d: 3 } },
      metadata: { ...second, a: { ...second, b: { $lastUpdated: FIRST, $lastUpdatedVersion: 2 }, d: second } },
      version: 3,
    });
  });

  it("writes the stamps before the members", () => {
    const { desired } = patched(newTwin(BORN), { properties: { desired: { a: 1 } } }, FIRST);
    expect(Object.keys(desired.metadata)).toEqual(["$lastUpdated", "$lastUpdatedVersion", "a"]);
  });

  it("notifies the device of the patch as it came, nulls included, and the new version", () => {
    const { notification } = valueOf(
      patchByService(newTwin(BORN), { properties: { desired: { a: null, b: { c: 1 } } } }, FIRST),
    );
    expect(JSON.stringify(notification)).toBe('{"a":null,"b":{"c":1},"$version":2}');
  });

  it("of tags alone leaves the desired version and does not notify the device", () => {
    const { twin, notification } = valueOf(patchByService(newTwin(BORN), { tags: { site: "a" } }, FIRST));
    expect(notification).toBeUndefined();
    expect([twin.desired.version, twin.version, twin.etagCounter]).toEqual([1, 3, 2]);
    expect(twin.tags).toEqual({ site: "a" });
  });

  it("counts a version even when nothing changes", () => {
    const twin = patched(newTwin(BORN), { properties: { desired: { a: 1 } } }, FIRST);
    expect(patched(twin, { properties: { desired: { a: 1 } } }, SECOND).desired.version).toBe(3);
  });

  it("ignores what only the hub writes, as SDKs that send back a whole twin rely on", () => {
    const whole = {
      deviceId: "board-1",
      etag: "AAAAAAAAAAE=",
      version: 2,
      properties: {
        desired: { $metadata: { $lastUpdated: BORN }, $version: 1, user: "a" },
        reported: { $metadata: { $lastUpdated: BORN }, $version: 1, forged: true },
      },
    };
    const twin = patched(newTwin(BORN), whole, FIRST);
    expect(twin.desired.content).toEqual({ user: "a" });
    expect(twin.reported).toEqual(newTwin(BORN).reported);
  });

  const malformed: { body: JsonObject; says: string }[] = [
    { body: { tags: [] }, says: "'tags' must be a JSON object." },
    { body: { properties: 5 }, says: "'properties' must be a JSON object." },
    { body: { properties: { desired: "x" } }, says: "'desired' must be a JSON object." },
    { body: { tags: { "a.b": 1 } }, says: "Property or Tag name has invalid characters." },
  ];

  it.each(malformed)("refuses $body", ({ body, says }) => {
    const result = patchByService(newTwin(BORN), body, FIRST);
    expect(result.ok ? "accepted" : result.error.message).toContain(says);
  });

  it("measures the whole section, not the patch", () => {
    const half = { properties: { desired: Object.fromEntries(keys("a")) } };
    const rest = { properties: { desired: Object.fromEntries(keys("b")) } };
    const twin = patched(newTwin(BORN), half, FIRST);
    const result = patchByService(twin, rest, SECOND);
    expect(result.ok ? "accepted" : result.error.code).toBe(403_100);
  });
});

describe("PUT by the service", () => {
  it("replaces tags and desired properties, removes what it does not name, and leaves what is reported", () => {
    const before = valueOf(patchByDevice(newTwin(BORN), { up: true }, FIRST));
    const twin = patched(before, { tags: { old: 1 }, properties: { desired: { old: 1, kept: 1 } } }, FIRST);
    const { twin: after, notification } = valueOf(
      replaceByService(twin, { properties: { desired: { kept: 2 } } }, SECOND),
    );
    const stamp = { $lastUpdated: SECOND, $lastUpdatedVersion: 3 };
    expect(after.tags).toEqual({});
    expect(after.desired).toEqual({ content: { kept: 2 }, metadata: { ...stamp, kept: stamp }, version: 3 });
    expect(after.reported).toEqual(before.reported);
    expect(notification).toEqual({ kept: 2, $version: 3 });
  });
});

it.each<[string, JsonObject]>([
  ["a tag", { tags: { none: null } }],
  ["a desired property", { properties: { desired: { none: null } } }],
  ["a property of an object", { properties: { desired: { a: { none: null } } } }],
])("PUT by the service refuses null for %s, as the real hub does", (_where, body) => {
  const result = replaceByService(newTwin(BORN), body, FIRST);
  expect(result.ok ? "accepted" : [result.error.code, result.error.message]).toStrictEqual([
    400_004,
    "Value of Property or Tag cannot be null. Error in Property/Tag none",
  ]);
});

describe("PATCH by the device", () => {
  it("merges reported properties and counts their version, but not the service's etag", () => {
    const twin = valueOf(patchByDevice(newTwin(BORN), { a: { b: 1 } }, FIRST));
    expect(twin.reported).toEqual({
      content: { a: { b: 1 } },
      metadata: { $lastUpdated: FIRST, a: { $lastUpdated: FIRST, b: { $lastUpdated: FIRST } } },
      version: 2,
    });
    expect([twin.version, twin.etagCounter]).toEqual([3, 1]);
  });

  it.each([
    { patch: [1], says: "must be a JSON object" },
    { patch: "x", says: "must be a JSON object" },
    { patch: { $version: 5 }, says: "invalid characters. Error in Property/Tag $version." },
  ])("refuses $patch", ({ patch, says }) => {
    const result = patchByDevice(newTwin(BORN), patch, FIRST);
    expect(result.ok ? "accepted" : result.error.message).toContain(says);
  });
});
