import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

describe("boardkeeper apply", () => {
  it("applies what is staged", async () => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Being applied", operationId: "op-1" } };
    expect(await ran(context, "apply -d board-1")).toBe(0);
    expect(context.hub.calls).toMatchObject([{ method: "applyFirmwareUpdate", payload: {} }]);
    expect(context.out.text).toBe("Being applied (op-1)\n");
  });

  it("does not show earlier phases", async () => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Being applied", operationId: "op-1" } };
    const phase = (name: "staged" | "rebooting" | "completed"): ReturnType<typeof twinOf> =>
      twinOf(
        { phase: name, operationId: "op-1", version: "2.0.0" },
        {},
        name === "completed" ? { lastProvenUpdate: { operationId: "op-1", version: "2.0.0", at: "t" } } : {},
      );
    context.hub.twins = [phase("staged"), phase("staged"), phase("rebooting"), phase("completed")];
    const running = ran(context, "apply -d board-1 --wait");
    await context.time.advance(5_000);
    expect(await running).toBe(0);
    expect(context.err.text).toBe(
      [
        "Being applied (op-1)",
        "  0:00  staged",
        "  0:01  applying",
        "  0:01  rebooting",
        "  0:02  proving",
        "  0:02  completed",
        "",
      ].join("\n"),
    );
  });
});
