import { describe, expect, it } from "vitest";
import { errorCodes, type ErrorCode } from "../../../../agent/contract/codes.ts";
import { errorOutcome, statusOutcome } from "../../../../agent/download/failure-outcome.ts";

describe("a status", () => {
  it.each([
    [500, "retry"],
    [502, "retry"],
    [503, "retry"],
    [504, "retry"],
    [599, "retry"],
    [408, "retry"],
    [425, "retry"],
    [429, "retry"],
    [400, "abandon"],
    [401, "abandon"],
    [403, "abandon"],
    [404, "abandon"],
    [410, "abandon"],
    [412, "abandon"],
    [416, "abandon"],
    [204, "abandon"],
    [304, "abandon"],
    [300, "abandon"],
  ] as const)("%i: %s", (status, means) => {
    expect(statusOutcome(status)).toBe(means);
  });
});

describe("the outcome of an error", () => {
  const abandoned = new Set<ErrorCode>([
    "bad-address",
    "bad-response",
    "bad-size",
    "http-status",
    "image-too-large",
    "insecure-address",
    "insecure-redirect",
    "too-many-redirects",
  ]);
  it.each(Object.keys(errorCodes) as ErrorCode[])("%s", (code) => {
    const means = code === "unreachable" ? "retry" : abandoned.has(code) ? "abandon" : "fatal";
    expect(errorOutcome(code)).toBe(means);
  });
});
