import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { specialFiles } from "../../../../support/special-files.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
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

  it("reads JSON from a file", async () => {
    const context = new FakeContext();
    const path = join(await temporaryFolder(), "tags.json");
    await writeFile(path, '{"site":"north"}');
    expect(await ran(context, `twin set -d board-1 --tags @${path}`)).toBe(0);
    expect(context.hub.patches).toEqual([{ tags: { site: "north" } }]);
  });

  const options = ["--desired", "--tags"] as const;
  it.each(options.flatMap((option) => specialFiles.map(([what, make]) => [option, what, make] as const)))(
    "%s refuses %s at once, whatever it would bring",
    async (option, _what, make) => {
      const context = new FakeContext();
      const path = join(await temporaryFolder(), "file");
      await make(path);
      expect(await ran(context, `twin set -d board-1 ${option} @${path}`)).toBe(2);
      expect(context.err.text).toContain(`${path} cannot be read: it is not a regular file.`);
    },
  );

  it("refuses a file that is far too large, before it reads it", async () => {
    const context = new FakeContext();
    const path = join(await temporaryFolder(), "huge.json");
    await writeFile(path, "");
    await truncate(path, 2 ** 40);
    expect(await ran(context, `twin set -d board-1 --desired @${path}`)).toBe(2);
    expect(context.err.text).toContain(`${path} cannot be read: it has 1099511627776 bytes; at most`);
  });

  it("merges the given JSON", async () => {
    const context = new FakeContext();
    expect(await ran(context, 'twin set -d board-1 --tags {"site":"north"} --desired {"boardkeeper":null}')).toBe(0);
    expect(context.hub.patches).toEqual([{ tags: { site: "north" }, desired: { boardkeeper: null } }]);
  });
});
