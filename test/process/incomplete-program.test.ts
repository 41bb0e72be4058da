import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ended } from "../support/agent-command.ts";
import { testHub } from "../support/local-hub.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// As in the middle of a package's unpacking, or on a disk that wears out.
it("an agent that cannot be loaded as a whole ends, though it is connected already", async () => {
  const [hub, folder] = [await testHub(), await temporaryFolder()];
  for (const name of ["boardkeeper-agent.mjs", "boardkeeper-agent.cjs", "agent"])
    await cp(join("dist", name), join(folder, name), { recursive: true, filter: (path) => !path.endsWith(".map") });
  const part = (await readdir(join(folder, "agent"))).find((name) => name.startsWith("create-agent"));
  await rm(join(folder, "agent", part ?? ""));
  const env = {
    IOTHUB_DEVICE_CONNECTION_STRING: await hub.addDevice("board-1"),
    BOARDKEEPER_HUB_CA_FILE: hub.caFile,
    BOARDKEEPER_AGENT_STATE_DIR: join(folder, "state"),
  };
  const { status, err } = await ended([process.execPath, join(folder, "boardkeeper-agent.cjs"), "run"], env);
  expect(status).toBe(1);
  expect(err).toContain(part);
  expect(err).toMatch(
    /^boardkeeper-agent: Error: A part of the agent cannot be read: .* install the agent's package again\.$/m,
  );
});
