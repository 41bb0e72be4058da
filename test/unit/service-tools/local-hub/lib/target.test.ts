import { describe, expect, it } from "vitest";
import { isDeviceId, isModuleId } from "../../../../../service-tools/local-hub/lib/target.ts";

describe("an id", () => {
  it.each([
    ["board-1", true, true],
    ["a.b+c%d_e#f*g?h!i(j),k=l@m$n'o", true, true],
    ["x".repeat(128), true, true],
    ["x".repeat(129), false, false],
    ["mac:00:11", true, false],
    ["$edgeAgent", true, false],
    ["a/b", false, false],
    ["a b", false, false],
    ["größe", false, false],
    ["", false, false],
  ])("'%s' of a device: %s, of a module: %s", (id, device, module) => {
    expect([isDeviceId(id), isModuleId(id)]).toEqual([device, module]);
  });
});
