import { describe, expect, it } from "vitest";
import { covers } from "../../../../../service-tools/local-hub/faults/fault-kind.ts";
import type { Location, Scope } from "../../../../../service-tools/local-hub/faults/fault-kind.ts";

const board: Location = { endpoints: ["mqtt"], target: { deviceId: "board-1" } };

describe("a scope", () => {
  it.each<{ scope: Scope; location: Location; is: boolean }>([
    { scope: {}, location: board, is: true },
    { scope: {}, location: { endpoints: [] }, is: true },
    { scope: { on: ["rest"] }, location: board, is: false },
    { scope: { on: ["rest"] }, location: { endpoints: ["websockets", "rest"] }, is: true },
    { scope: { deviceId: "board-1" }, location: board, is: true },
    { scope: { deviceId: "board-2" }, location: board, is: false },
    { scope: { deviceId: "board-1" }, location: { endpoints: ["mqtt"] }, is: false },
    { scope: { deviceId: "board-1", moduleId: "m" }, location: board, is: false },
    {
      scope: { deviceId: "board-1" },
      location: { endpoints: ["mqtt"], target: { deviceId: "board-1", moduleId: "m" } },
      is: false,
    },
  ])("$scope covers $location: $is", ({ scope, location, is }) => {
    expect(covers(scope, location)).toBe(is);
  });
});
