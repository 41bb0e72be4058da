import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

describe("boardkeeper twin", () => {
  it("prints the document", async () => {
    const context = new FakeContext();
    context.hub.twins = [{ deviceId: "board-1", tags: {} }];
    expect(await ran(context, "twin -d board-1")).toBe(0);
    expect(context.out.text).toBe('{\n  "deviceId": "board-1",\n  "tags": {}\n}\n');
  });

  it("merges the given JSON", async () => {
    const context = new FakeContext();
    expect(await ran(context, 'twin set -d board-1 --tags {"site":"north"} --desired {"boardkeeper":null}')).toBe(0);
    expect(context.hub.patches).toEqual([{ tags: { site: "north" }, desired: { boardkeeper: null } }]);
  });
});
