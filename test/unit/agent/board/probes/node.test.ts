import { realpathSync } from "node:fs";
import { expect, it } from "vitest";
import { probeNode } from "../../../../../agent/board/probes/node.ts";

it("finds the Node.js that runs it, by its executable and not by a link to it", async () => {
  const { version, path, arch } = await probeNode();
  expect({ version: `v${version}`, path, arch }).toStrictEqual({
    version: process.version,
    path: realpathSync(process.execPath),
    arch: process.arch,
  });
});
