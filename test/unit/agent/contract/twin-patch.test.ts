import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { mergePatch, patchBetween } from "../../../../agent/contract/twin-patch.ts";

describe("mergePatch", () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ["adds", { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
    ["replaces", { a: 1 }, { a: 2 }, { a: 2 }],
    ["removes by null", { a: 1, b: 2 }, { a: null }, { b: 2 }],
    ["merges objects", { a: { b: 1, c: 2 } }, { a: { c: 3 } }, { a: { b: 1, c: 3 } }],
    ["removes inside objects", { a: { b: 1, c: 2 } }, { a: { b: null } }, { a: { c: 2 } }],
    ["replaces arrays whole, which the SDK does not", { a: [1, 2, 3] }, { a: [9] }, { a: [9] }],
    ["puts an object where a value was", { a: 1 }, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
    ["puts a value where an object was", { a: { b: 1 } }, { a: 1 }, { a: 1 }],
    ["leaves out nulls of what is new", {}, { a: { b: null } }, { a: {} }],
  ])("%s", (_what, target, patch, merged) => {
    const frozen = structuredClone(target);
    expect(mergePatch(target, patch)).toStrictEqual(merged);
    expect(target).toStrictEqual(frozen);
  });
});

describe("patchBetween", () => {
  it.each<[string, JsonObject, JsonObject, JsonObject | undefined]>([
    ["nothing when all is equal", { a: 1, b: { c: [1] } }, { a: 1, b: { c: [1] } }, undefined],
    ["what is new", {}, { a: 1 }, { a: 1 }],
    ["what is other", { a: 1 }, { a: 2 }, { a: 2 }],
    ["what must go", { a: 1 }, { a: null }, { a: null }],
    ["nothing for what is gone already", {}, { a: null }, undefined],
    ["only the members that differ", { a: { b: 1, c: 1 } }, { a: { b: 1, c: 2, d: null } }, { a: { c: 2 } }],
    ["arrays whole", { a: [1, 2] }, { a: [1] }, { a: [1] }],
    ["new objects without nulls", {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
    ["nothing of what others wrote", { theirs: 1, a: 1 }, { a: 1 }, undefined],
    ["an error in place of none", { e: { code: "x", more: 1 } }, { e: null }, { e: null }],
  ])("%s", (_what, held, target, patch) => {
    expect(patchBetween(held, target)).toStrictEqual(patch);
  });

  it("leads to the target, whatever was held", () => {
    const values: JsonObject[] = [
      {},
      { a: 1 },
      { a: { b: 1 } },
      { a: { b: [1], c: 2 }, d: "x" },
      { d: null, a: { c: null } },
    ];
    for (const held of values) {
      for (const target of values) {
        const clean = mergePatch({}, held);
        const reached = mergePatch(clean, patchBetween(clean, target) ?? {});
        expect(patchBetween(reached, target)).toBeUndefined();
      }
    }
  });
});
