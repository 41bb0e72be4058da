import { describe, expect, it } from "vitest";
import { formatPhase, formatProgressBar } from "../../../../service-tools/watch/progress-view.ts";

describe("a progress bar", () => {
  it.each([
    [0, 64, "──────────────────────────────   0 %  0 B of 64 B"],
    [32, 64, "━━━━━━━━━━━━━━━───────────────  50 %  32 B of 64 B"],
    [64, 64, "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100 %  64 B of 64 B"],
    [70, 64, "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100 %  70 B of 64 B"],
    [70, null, "70 B received"],
  ])("for %i of %s bytes", (receivedBytes, totalBytes, bar) => {
    expect(formatProgressBar({ receivedBytes, totalBytes }, 80)).toBe(bar);
  });

  it("is only its figures when there is no room", () => {
    expect(formatProgressBar({ receivedBytes: 32, totalBytes: 64 }, 20)).toBe(" 50 %  32 B of 64 B");
  });

  it("aligns the notes of phases", () => {
    expect(formatPhase({ phase: "staged", note: "waits" })).toBe("staged       waits");
  });
});
