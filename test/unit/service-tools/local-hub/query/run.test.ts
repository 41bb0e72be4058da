import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../service-tools/local-hub/lib/json.ts";
import { parseQuery } from "../../../../../service-tools/local-hub/query/parser.ts";
import { itemType, pageOf, parsePageSize, runQuery } from "../../../../../service-tools/local-hub/query/run.ts";

/** Five small twins; `deviceId` identifies them in the rows below. */
const twins: JsonObject[] = [
  {
    deviceId: "a",
    status: "enabled",
    connectionState: "Connected",
    lastActivityTime: "2026-03-01T00:00:00Z",
    tags: { site: { region: "US", plant: "Redmond43" }, "my-tag": 1, floor: 1 },
    properties: {
      desired: { config: "c1" },
      reported: { config: "c1", interval: 60, connectivity: "wifi", fw: { status: "Success" }, ok: true, none: null },
    },
  },
  {
    deviceId: "b",
    status: "enabled",
    connectionState: "Disconnected",
    lastActivityTime: "2026-01-01T00:00:00Z",
    tags: { site: { region: "US", plant: "Redmond44" }, floor: 2 },
    properties: {
      desired: { config: "c2" },
      reported: { config: "c1", interval: 300, connectivity: "wired", fw: { status: "Pending" }, ok: false },
    },
  },
  {
    deviceId: "c",
    status: "disabled",
    connectionState: "Disconnected",
    tags: { site: { region: "EU" }, floor: 3 },
    properties: {
      desired: {},
      reported: { interval: "60", connectivity: "cellular", fw: { status: "Success" }, list: [1] },
    },
  },
  { deviceId: "d", status: "enabled", connectionState: "Disconnected", properties: { desired: {}, reported: {} } },
  {
    deviceId: 'it\'s "e"',
    status: "enabled",
    connectionState: "Disconnected",
    tags: { note: "line\nü" },
    properties: { desired: {}, reported: { fw: { status: "Error" }, interval: 0 } },
  },
];

function idsWhere(condition: string): string {
  return runQuery(parseQuery(`SELECT * FROM devices WHERE ${condition}`), twins)
    .map(({ deviceId }) => (typeof deviceId === "string" ? deviceId[0] : "?"))
    .map((letter) => (letter === "i" ? "e" : letter))
    .join("");
}

describe("a WHERE clause", () => {
  it.each([
    // The examples of the documentation.
    ["tags.site.region = 'US'", "ab"],
    ["tags.site.region = 'US' AND properties.reported.interval >= 60", "ab"],
    ["properties.reported.connectivity IN ['wired', 'wifi']", "ab"],
    ["properties.reported.connectivity NIN ['wired', 'wifi']", "c"],
    ["is_defined(properties.reported.connectivity)", "abc"],
    ["status = 'enabled' AND connectionState = 'Disconnected'", "bde"],
    ["properties.desired.config = properties.reported.config", "a"],
    ["deviceId IN ['a', 'c']", "ac"],
    ["devices.deviceId = 'a'", "a"],
    // Comparisons.
    ["properties.reported.interval = 60", "a"],
    ["properties.reported.interval != 60", "bce"],
    ["properties.reported.interval <> 60", "bce"],
    ["properties.reported.interval < 300", "ae"],
    ["properties.reported.interval <= 300", "abe"],
    ["properties.reported.interval > 60", "b"],
    ["properties.reported.interval >= 60", "ab"],
    ["60 < properties.reported.interval", "b"],
    ["lastActivityTime > '2026-02-01'", "a"],
    ["properties.reported.ok = true", "a"],
    ["properties.reported.ok", "a"],
    ["properties.reported.none = null", "a"],
    ["properties.reported.fw = properties.reported.fw", ""],
    ["tags.site = 'US'", ""],
    // What is not there is neither equal nor different.
    ["tags.site.region = undefined", ""],
    ["tags.site.region != 'US'", "c"],
    ["NOT tags.site.region = 'US'", "c"],
    ["NOT is_defined(tags.site.region)", "de"],
    // Logic, its order and parentheses.
    ["deviceId = 'a' OR deviceId = 'b' AND status = 'disabled'", "a"],
    ["(deviceId = 'a' OR deviceId = 'c') AND status = 'disabled'", "c"],
    ["NOT deviceId = 'a' AND NOT deviceId = 'b'", "cde"],
    ["NOT (status = 'enabled' OR deviceId = 'a')", "c"],
    ["NOT NOT status = 'disabled'", "c"],
    ["tags.site.region = 'US' OR status = 'disabled'", "abc"],
    // Arithmetic.
    ["properties.reported.interval * 5 = 300", "a"],
    ["properties.reported.interval + 1 - 1 = 300", "b"],
    ["properties.reported.interval % 7 = 4", "a"],
    ["properties.reported.interval / 0 = 1", ""],
    ["2 + 3 * 4 = 14 AND (2 + 3) * 4 = 20", "abcde"],
    ["-properties.reported.interval < -100", "b"],
    ["properties.reported.interval IN [-1, 0x3c]", "a"],
    ["tags.floor >= 1.5e0 AND tags.floor <= .25e1", "b"],
    // Lists.
    ["deviceId NOT IN ['a', 'b']", "cde"],
    ["tags.floor IN [1, '2', null]", "a"],
    // Functions.
    ["IS_NULL(properties.reported.none)", "a"],
    ["IS_STRING(properties.reported.interval)", "c"],
    ["IS_NUMBER(properties.reported.interval)", "abe"],
    ["IS_BOOL(properties.reported.ok)", "ab"],
    ["IS_ARRAY(properties.reported.list)", "c"],
    ["IS_OBJECT(tags.site)", "abc"],
    ["IS_PRIMITIVE(properties.reported.none)", "a"],
    ["STARTSWITH(tags.site.plant, 'Redmond')", "ab"],
    ["starts_with(tags.site.plant, 'Redmond43')", "a"],
    ["ENDS_WITH(tags.site.plant, '44')", "b"],
    ["CONTAINS(tags.site.plant, 'mond')", "ab"],
    ["LENGTH(deviceId) > 1", "e"],
    ["UPPER(tags.site.region) = 'EU' AND LOWER(tags.site.region) = 'eu'", "c"],
    ["SUBSTRING(tags.site.plant, 7) = '43'", "a"],
    ["SUBSTRING(tags.site.plant, 0, 3) = 'Red'", "ab"],
    ["INDEX_OF(tags.site.plant, '44') = 7", "b"],
    ["CONCAT(deviceId, '-', status) = 'a-enabled'", "a"],
    ["AS_NUMBER(properties.reported.interval) = 60", "ac"],
    ["ABS(-2) = 2 AND SQUARE(3) = POWER(3, 2) AND SQRT(9) = 3 AND SIGN(-5) = -1", "abcde"],
    ["CEILING(1.2) = 2 AND FLOOR(1.8) = 1 AND EXP(0) = 1", "abcde"],
    // Names in any case at the root, as they are below it.
    ["DEVICEID = 'a' AND ConnectionState = 'Connected'", "a"],
    ["Properties.Reported.interval = 60 AND Tags.site.region = 'US'", "a"],
    ["tags.Site.region = 'US'", ""],
    // Names that are not words, and strings with escapes.
    ["tags.[[my-tag]] = 1", "a"],
    ["deviceId = 'it\\'s \"e\"'", "e"],
    ['deviceId = "it\'s \\"e\\""', "e"],
    ["CONTAINS(tags.note, '\\u00fc')", "e"],
    // What cannot be inherited cannot be asked for either.
    ["is_defined(tags.constructor)", ""],
    ["is_defined(tags.__proto__)", ""],
  ])("%s → %s", (condition, ids) => {
    expect(idsWhere(condition)).toBe(ids);
  });
});

describe("a SELECT list", () => {
  it.each([
    ["SELECT COUNT() AS total FROM devices", '[{"total":5}]'],
    ["SELECT COUNT() AS total FROM devices WHERE deviceId = 'x'", '[{"total":0}]'],
    ["select count() from devices", '[{"$1":5}]'],
    [
      "SELECT DeviceId, LastActivityTime FROM devices WHERE tags.site.region = 'US'",
      '[{"deviceId":"a","lastActivityTime":"2026-03-01T00:00:00Z"},{"deviceId":"b","lastActivityTime":"2026-01-01T00:00:00Z"}]',
    ],
    [
      "SELECT deviceId AS id, properties.reported.fw.status AS fw FROM devices WHERE tags.floor <= 2",
      '[{"id":"a","fw":"Success"},{"id":"b","fw":"Pending"}]',
    ],
    ["SELECT tags.site.plant FROM devices WHERE tags.floor >= 2", '[{"plant":"Redmond44"},{}]'],
    [
      "SELECT properties.reported.fw.status AS status, COUNT() AS numberOfDevices FROM devices GROUP BY properties.reported.fw.status",
      '[{"status":"Success","numberOfDevices":2},{"status":"Pending","numberOfDevices":1},{"numberOfDevices":1},{"status":"Error","numberOfDevices":1}]',
    ],
    [
      "SELECT status, connectionState, COUNT() AS n FROM devices GROUP BY status, connectionState",
      '[{"status":"enabled","connectionState":"Connected","n":1},{"status":"enabled","connectionState":"Disconnected","n":3},' +
        '{"status":"disabled","connectionState":"Disconnected","n":1}]',
    ],
    [
      "SELECT MIN(properties.reported.interval) AS low, MAX(properties.reported.interval) AS high, " +
        "SUM(properties.reported.interval) AS sum, AVG(tags.floor) AS floor FROM devices",
      '[{"low":0,"high":300,"sum":360,"floor":2}]',
    ],
    ["SELECT MAX(tags.site.plant) AS last, MIN(tags.nothing) AS none FROM devices", '[{"last":"Redmond44"}]'],
    ["SELECT TOP 2 deviceId FROM devices", '[{"deviceId":"a"},{"deviceId":"b"}]'],
    ["SELECT TOP 0 deviceId FROM devices", "[]"],
  ])("%s", (query, rows) => {
    expect(JSON.stringify(runQuery(parseQuery(query), twins))).toBe(rows);
  });

  it.each([
    ["SELECT * FROM devices", "Twin"],
    ["SELECT * FROM devices.modules", "Twin"],
    ["SELECT * FROM devices.jobs", "DeviceJob"],
    ["SELECT deviceId FROM devices", "Raw"],
    ["SELECT COUNT() FROM devices", "Raw"],
  ])("%s answers items of type %s", (query, type) => {
    expect(itemType(parseQuery(query))).toBe(type);
  });
});

const rows = ["a", "b", "c", "d", "e"];

describe("paging", () => {
  it("walks through all rows, each once, and ends without a token", () => {
    const seen: string[] = [];
    const sizes: number[] = [];
    let continuation: string | undefined;
    do {
      const page = pageOf(rows, "q", 2, continuation);
      seen.push(...(page?.items ?? []));
      sizes.push(page?.items.length ?? 0);
      continuation = page?.continuation;
    } while (continuation !== undefined);
    expect(seen).toEqual(rows);
    expect(sizes).toEqual([2, 2, 1]);
  });

  it("gives no token when the last row is on the page", () => {
    expect(pageOf(rows, "q", 5, undefined)).toEqual({ items: rows, continuation: undefined });
  });

  it("refuses a token of another query, and what is no token", () => {
    const token = pageOf(rows, "q", 2, undefined)?.continuation;
    expect(pageOf(rows, "other", 2, token)).toBeUndefined();
    expect(pageOf(rows, "q", 2, "garbage")).toBeUndefined();
    expect(pageOf(rows, "q", 2, Buffer.from('{"next":-1}').toString("base64"))).toBeUndefined();
  });

  it.each([
    [undefined, 100],
    ["-1", 100],
    ["1", 1],
    ["1000", 1000],
    ["5000", 1000],
    ["0", undefined],
    ["-5", undefined],
    ["2.5", undefined],
    ["many", undefined],
  ])("x-ms-max-item-count: %s is %s", (header, size) => {
    expect(parsePageSize(header)).toBe(size);
  });
});
