import { expect, it } from "vitest";
import { errorCodes, keepsDownloadedBytes } from "../../../../agent/contract/codes.ts";

const kept = new Set([
  "bad-address",
  "bad-response",
  "http-status",
  "insecure-address",
  "insecure-redirect",
  "interrupted-too-often",
  "proxy-invalid",
  "too-many-redirects",
  "unreachable",
]);
it.each([...Object.keys(errorCodes), "a-code-of-another-release"])("%s: whether what has arrived is kept", (code) => {
  expect(keepsDownloadedBytes(code)).toBe(kept.has(code));
});
