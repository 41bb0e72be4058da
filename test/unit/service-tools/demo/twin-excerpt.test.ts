import { describe, expect, it } from "vitest";
import { twinExcerpt } from "../../../../service-tools/demo/twin-excerpt.ts";
import { twinOf } from "../../../support/board-views.ts";

describe("the twin before and after", () => {
  it("shows what has changed, with short boot ids", () => {
    const before = twinOf({}, {}, { bootId: "11111111-1111-4111-8111-111111111111" });
    const after = twinOf({ phase: "completed" }, {}, { bootId: "22222222-2222-4222-8222-222222222222" });
    const rows = twinExcerpt(before, after);
    const row = (place: string): object | undefined => rows.find((one) => one.path === place);
    expect(row("boardkeeper.agent.bootId")).toMatchObject({
      before: "11111111…",
      after: "22222222…",
      hasChanged: true,
    });
    expect(row("boardkeeper.update.phase")).toMatchObject({ before: "idle", after: "completed", hasChanged: true });
    expect(row("firmwareStatus")).toMatchObject({ before: "standBy", after: "completed", hasChanged: true });
    expect(row("rebootTime")).toMatchObject({ before: "-", after: "-", hasChanged: false });
  });

  it("fits on the narrowest terminal", () => {
    const stamp = "2026-01-02T03:04:05.000Z";
    const widest = twinExcerpt({}, {}).map(({ path: place }) => place.length);
    expect(2 + Math.max(...widest) + 2 + "11111111…".length + 2 + stamp.length).toBeLessThanOrEqual(80);
  });
});
