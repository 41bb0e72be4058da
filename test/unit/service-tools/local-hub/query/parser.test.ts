import { describe, expect, it } from "vitest";
import { parseQuery } from "../../../../../service-tools/local-hub/query/parser.ts";

describe("an invalid query", () => {
  it.each([
    ["", "expected SELECT, found the end of the query at character 1"],
    ["DELETE FROM devices", "expected SELECT, found 'DELETE' at character 1"],
    ["SELECT *", "expected FROM, found the end of the query at character 9"],
    ["SELECT * FROM users", "'users' is not one of devices, devices.modules, devices.jobs, at character 15"],
    ["SELECT * FROM devices WHERE", "expected a property name, found the end of the query at character 28"],
    ["SELECT * FROM devices WHERE deviceId =", "expected a property name"],
    ["SELECT * FROM devices WHERE deviceId = 'a", 'unexpected "\'" at character 40'],
    ["SELECT * FROM devices WHERE (deviceId = 'a'", "expected ')'"],
    ["SELECT * FROM devices WHERE deviceId IN ('a')", "expected '[', found '('"],
    ["SELECT * FROM devices WHERE deviceId IN [tags.x]", "only constants are allowed in a list"],
    ["SELECT * FROM devices WHERE deviceId IN []", "expected a property name"],
    ["SELECT * FROM devices WHERE magic(deviceId)", "there is no function 'magic'"],
    ["SELECT * FROM devices WHERE is_defined()", "is_defined does not take 0 operands"],
    ["SELECT * FROM devices WHERE is_defined(tags.a, tags.b)", "is_defined does not take 2 operands"],
    ["SELECT * FROM devices WHERE a = 'x\\y'", "the escape \\y is not allowed in a string"],
    ["SELECT * FROM devices WHERE a ~ 1", 'unexpected "~" at character 31'],
    ["SELECT * FROM devices ORDER BY deviceId", "unexpected 'ORDER' at character 23"],
    ["SELECT * FROM devices; DROP", 'unexpected ";" at character 22'],
    ["SELECT * FROM devices GROUP BY status", "SELECT * cannot be grouped"],
    ["SELECT deviceId, COUNT() AS n FROM devices GROUP BY status", "'deviceId' is neither aggregated nor in GROUP BY"],
    ["SELECT deviceId, COUNT() AS n FROM devices", "'deviceId' is neither aggregated nor in GROUP BY"],
    ["SELECT deviceId FROM devices.jobs", "devices.jobs takes neither projections nor aggregations"],
    ["SELECT TOP x * FROM devices", "expected a number after TOP, found 'x'"],
    ["SELECT deviceId AS 'id' FROM devices", "expected a name after AS"],
    ["SELECT COUNT(deviceId) FROM devices", "expected ')'"],
  ])("%s", (query, says) => {
    expect(() => parseQuery(query)).toThrow(says);
  });

  it.each([
    { what: "parentheses", query: `${"(".repeat(4000)}1 = 1${")".repeat(4000)}` },
    { what: "NOT", query: `${"NOT ".repeat(2000)}is_defined(a)` },
    { what: "signs", query: `1 = ${"-".repeat(8000)}1` },
    { what: "functions", query: `${"abs(".repeat(1500)}1${")".repeat(1500)} = 1` },
  ])("with too many $what within each other", ({ query }) => {
    expect(() => parseQuery(`SELECT * FROM devices WHERE ${query}`)).toThrow("more than 100 levels are nested");
  });
});
