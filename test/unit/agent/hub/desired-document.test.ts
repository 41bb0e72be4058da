import { describe, expect, it } from "vitest";
import { DesiredDocument } from "../../../../agent/hub/desired-document.ts";

describe("a desired document", () => {
  it("takes changes in order, each once, and notices a gap", () => {
    const document = new DesiredDocument({ a: 1 }, 3);
    expect(document.applyPatch({ patch: { a: 9 }, version: 3 })).toBe("duplicate");
    expect(document.applyPatch({ patch: { b: 2 }, version: 4 })).toBe("applied");
    expect(document.applyPatch({ patch: { b: 2 }, version: 4 })).toBe("duplicate");
    expect(document.applyPatch({ patch: { c: 3 }, version: 6 })).toBe("gap");
    expect(document).toMatchObject({ content: { a: 1, b: 2 }, version: 4 });
  });
});
