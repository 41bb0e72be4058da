import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { findSection, sectionProblems } from "../../../../agent/contract/desired-sections.ts";

const section = { fwVersion: "2.0.0" };

describe("a section of the desired properties", () => {
  it("is the value under its name", () => {
    expect(findSection({ firmware: section, other: 1 }, "firmware")).toStrictEqual({ kind: "present", value: section });
    expect(findSection({ firmware: "x" }, "firmware")).toStrictEqual({ kind: "present", value: "x" });
  });

  it.each<[string, JsonObject, string]>([
    ["firmware", { Firmware: section }, "Firmware: not a known section (did you mean firmware?)"],
    ["firmware", { firmwares: section }, "firmwares: not a known section (did you mean firmware?)"],
    ["firmware", { fimrware: section, firmware: null }, "fimrware: not a known section (did you mean firmware?)"],
    ["boardkeeper", { Boardkeeper: section }, "Boardkeeper: not a known section (did you mean boardkeeper?)"],
    ["boardkeeper", { "board-keeper": section }, "board-keeper: not a known section (did you mean boardkeeper?)"],
    ["firmware", { desired: { firmware: section } }, "without desired around it"],
    ["boardkeeper", { properties: { desired: { boardkeeper: section } } }, "without properties.desired around it"],
  ])("%s is misnamed in %j", (name, document, problem) => {
    const found = findSection(document, name === "firmware" ? "firmware" : "boardkeeper");
    expect(found).toStrictEqual({ kind: "misnamed", value: section, problem: expect.stringContaining(problem) });
  });

  it.each<JsonObject>([
    {},
    { firmware: null },
    { Firmware: "1.0" },
    { firmwareUpdate: section },
    { software: section, Boardkeeper: section },
    { desired: { interval: 5 }, properties: { desired: 1 } },
  ])("is absent in %j", (document) => {
    expect(findSection(document, "firmware")).toStrictEqual({ kind: "absent", value: null });
  });
});

it("says which names are almost those of sections that are there", () => {
  expect(sectionProblems({ firmware: section, Firmware: section, Boardkeeper: section })).toStrictEqual([
    "Firmware: not a known section (did you mean firmware?)",
  ]);
  expect(sectionProblems({ firmware: section, boardkeeper: {}, other: {} })).toStrictEqual([]);
});
