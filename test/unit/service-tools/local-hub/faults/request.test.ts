import { describe, expect, it } from "vitest";
import {
  faultNames,
  faultKind,
  withDefaults,
  randomFault,
} from "../../../../../service-tools/local-hub/faults/catalog.ts";
import { parseFaultRequest } from "../../../../../service-tools/local-hub/faults/request.ts";

describe.each(faultNames())("the fault %s", (name) => {
  it("can be added with its defaults", () => {
    expect(parseFaultRequest(name, {}, {}).parameters).toEqual(withDefaults(name, {}));
  });

  it.each([0, 0.5, 0.999_999])("can be added as chosen with %f", (chance) => {
    const chosen = randomFault(() => chance, [name]);
    expect(parseFaultRequest(name, chosen.parameters, {})).toMatchObject(chosen);
  });
});

it.each(faultNames().filter((name) => !faultKind(name).forOne))("%s cannot be limited to a device", (name) => {
  expect(() => parseFaultRequest(name, {}, { deviceId: "board-1" })).toThrow("it cannot be limited to a device");
});

it.each(faultNames().filter((name) => faultKind(name).forOne))("%s can be limited to a device", (name) => {
  expect(parseFaultRequest(name, {}, { deviceId: "board-1" }).options).toEqual({ deviceId: "board-1" });
});

describe("a fault is rejected", () => {
  it.each([
    { what: "that does not exist", name: "flood", parameters: {}, options: {}, why: "Unknown fault 'flood'" },
    {
      what: "with an unknown parameter",
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
      what: "for a module without a device",
      name: "reset",
      parameters: {},
      options: { moduleId: "m" },
      why: "moduleId needs deviceId",
    },
    {
      what: "for several hits, when it acts once",
      name: "kick",
      parameters: {},
      options: { times: 2 },
      why: "it acts once",
    },
  ])("$what", ({ name, parameters, options, why }) => {
    expect(() => parseFaultRequest(name, parameters, options)).toThrow(why);
  });
});
