import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../service-tools/local-hub/lib/json.ts";
import { mergePatch } from "../../../../../service-tools/local-hub/twins/patch.ts";

interface Row {
  readonly rule: string;
  readonly content: string;
  readonly patch: string;
  readonly after: string;
}

// As texts, so that the order of keys is part of each row.
const rows: Row[] = [
  { rule: "adds a member", content: '{"a":1}', patch: '{"b":2}', after: '{"a":1,"b":2}' },
  { rule: "replaces a value where it stands", content: '{"a":1,"b":2}', patch: '{"a":"x"}', after: '{"a":"x","b":2}' },
  { rule: "removes on null", content: '{"a":1,"b":2}', patch: '{"a":null}', after: '{"b":2}' },
  { rule: "ignores null for what is not there", content: '{"a":1}', patch: '{"b":null}', after: '{"a":1}' },
  {
    rule: "merges objects into objects",
    content: '{"a":{"b":1,"c":2}}',
    patch: '{"a":{"c":3}}',
    after: '{"a":{"b":1,"c":3}}',
  },
  {
    rule: "keeps the siblings of a removed leaf",
    content: '{"a":{"b":1,"c":2}}',
    patch: '{"a":{"b":null}}',
    after: '{"a":{"c":2}}',
  },
  { rule: "leaves {} when the last leaf goes", content: '{"a":{"b":1}}', patch: '{"a":{"b":null}}', after: '{"a":{}}' },
  { rule: "lets {} stand", content: "{}", patch: '{"a":{}}', after: '{"a":{}}' },
  { rule: "leaves an object as it is for {}", content: '{"a":{"b":1}}', patch: '{"a":{}}', after: '{"a":{"b":1}}' },
  { rule: "replaces arrays whole", content: '{"a":[1,2,3]}', patch: '{"a":[9]}', after: '{"a":[9]}' },
  { rule: "replaces an object by a value", content: '{"a":{"b":1}}', patch: '{"a":5}', after: '{"a":5}' },
  { rule: "replaces a value by an object", content: '{"a":5}', patch: '{"a":{"b":1}}', after: '{"a":{"b":1}}' },
  { rule: "drops nulls from a new object", content: "{}", patch: '{"a":{"b":null,"c":1}}', after: '{"a":{"c":1}}' },
  {
    rule: "takes false, 0 and '' as values",
    content: '{"a":1}',
    patch: '{"a":0,"b":false,"c":""}',
    after: '{"a":0,"b":false,"c":""}',
  },
  {
    rule: "takes __proto__ as a name like any other",
    content: "{}",
    patch: '{"__proto__":{"x":1}}',
    after: '{"__proto__":{"x":1}}',
  },
  {
    rule: "takes constructor as a name like any other",
    content: '{"constructor":1}',
    patch: '{"constructor":null}',
    after: "{}",
  },
];

function parse(text: string): JsonObject {
  const object: JsonObject = JSON.parse(text);
  return object;
}

describe("a merge patch", () => {
  it.each(rows)("$rule", ({ content, patch, after }) => {
    expect(JSON.stringify(mergePatch(parse(content), parse(patch)))).toBe(after);
  });
});
