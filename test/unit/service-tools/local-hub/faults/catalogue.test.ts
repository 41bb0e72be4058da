import { describe, expect, it } from "vitest";
import { faultNames, faultKind, withDefaults } from "../../../../../service-tools/local-hub/faults/catalogue.ts";
import { randomFault } from "../../../../../service-tools/local-hub/faults/draw.ts";
import { parseFaultRequest } from "../../../../../service-tools/local-hub/faults/request.ts";

describe.each(faultNames())("the fault %s", (name) => {
  it("can be added with its defaults", () => {
    expect(parseFaultRequest(name, {}, {}).parameters).toEqual(withDefaults(name, {}));
  });

  it.each([0, 0.5, 0.999_999])("can be added as drawn by %f", (chance) => {
    const drawn = randomFault(() => chance, [name]);
    expect(parseFaultRequest(name, drawn.parameters, {})).toMatchObject(drawn);
  });
});

it.each(faultNames().filter((name) => !faultKind(name).forOne))("%s is for everybody or nobody", (name) => {
  expect(() => parseFaultRequest(name, {}, { deviceId: "board-1" })).toThrow("it cannot tell devices apart");
});

it.each(faultNames().filter((name) => faultKind(name).forOne))("%s can be for one device", (name) => {
  expect(parseFaultRequest(name, {}, { deviceId: "board-1" }).options).toEqual({ deviceId: "board-1" });
});

describe("a fault is refused", () => {
  it.each([
    { what: "that there is not", name: "flood", parameters: {}, options: {}, why: "There is no fault 'flood'" },
    {
      what: "with a parameter that it has not",
      name: "reset",
      parameters: { x: 1 },
      options: {},
      why: "no parameter 'x'",
    },
    {
      what: "with everything that is wrong",
      name: "latency",
      parameters: { delayMs: -1, direction: "up" },
      options: { times: 0 },
      why: /direction must be .*delayMs must be .*times/,
    },
    {
      what: "where it cannot act",
      name: "connack-lost",
      parameters: {},
      options: { on: ["rest"] },
      why: "it does not act on rest",
    },
    {
      what: "for a module of nobody",
      name: "reset",
      parameters: {},
      options: { moduleId: "m" },
      why: "goes with deviceId",
    },
    { what: "so often, if it strikes once", name: "kick", parameters: {}, options: { times: 2 }, why: "strikes once" },
  ])("$what", ({ name, parameters, options, why }) => {
    expect(() => parseFaultRequest(name, parameters, options)).toThrow(why);
  });
});
