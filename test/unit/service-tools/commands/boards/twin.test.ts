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

  it.each<[agent: object, warning: string]>([
    [{ features: ["lease"] }, ""],
    [
      { version: "0.1.0" },
      "Warning: The agent of board-1 (0.1.0) does not understand startBy: it would ignore it, and update the board at any later time.\n",
    ],
  ])("warns before it declares an update with startBy for the agent %j", async (agent, warning) => {
    const context = new FakeContext();
    context.hub.twins = [{ properties: { reported: { boardkeeper: { agent } } } } as never];
    const firmware = { startBy: "2030-01-31T04:00:00Z" };
    expect(await ran(context, `twin set -d board-1 --desired ${JSON.stringify({ firmware })}`)).toBe(0);
    expect(context.hub.patches).toEqual([{ desired: { firmware } }]);
    expect(context.err.text).toBe(warning);
  });

  it("merges the given JSON", async () => {
    const context = new FakeContext();
    expect(await ran(context, 'twin set -d board-1 --tags {"site":"north"} --desired {"boardkeeper":null}')).toBe(0);
    expect(context.hub.patches).toEqual([{ tags: { site: "north" }, desired: { boardkeeper: null } }]);
  });
});
