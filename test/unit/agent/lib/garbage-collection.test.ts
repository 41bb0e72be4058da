import { describe, expect, it } from "vitest";
import { releaseStartMemory } from "../../../../agent/lib/garbage-collection.ts";

describe("the memory of the start", () => {
  it.each([
    ["11.3.244.8-node.33", []], // Node 20
    ["12.4.254.21-node.57", []], // Node 22
    ["13.6.233.17-node.63", ["major"]], // Node 24
    ["14.6.202.34-node.40", ["major"]], // Node 26
  ])("is released by V8 %s with %j", (version, expected) => {
    const collections: string[] = [];
    releaseStartMemory(
      version,
      () =>
        ({ type }) =>
          void collections.push(type),
    );
    expect(collections).toStrictEqual(expected);
  });

  it("is released by the engine's own collector, which stays out of the agent's globals", () => {
    expect(() => releaseStartMemory("13")).not.toThrow();
    expect(globalThis).not.toHaveProperty("gc");
  });
});
