import { describe, expect, it } from "vitest";
import { formatTrial, parseTrial } from "../../../../../../agent/install-helper/installers/release/trial.ts";

const trial = { operationId: "op-1", version: "2.0~rc1", before: "1.0", bootId: "0e2f-1", boots: 2 };

describe("a trial's file", () => {
  it.each([trial, { ...trial, before: null }])("is read as it was written", (one) => {
    expect(parseTrial(formatTrial(one))).toStrictEqual(one);
  });

  it.each<[string, string | undefined]>([
    ["none", undefined],
    ["empty", ""],
    ["cut off", formatTrial(trial).slice(0, -2)],
    ["with a path for a version", formatTrial({ ...trial, version: "../x" })],
    ["with a path to go back to", formatTrial({ ...trial, before: "/" })],
    ["with a line more", `${formatTrial(trial)}more=1\n`],
  ])("is no trial: %s", (_what, text) => {
    expect(parseTrial(text)).toBeUndefined();
  });
});
