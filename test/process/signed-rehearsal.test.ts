import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { agentCommand } from "../support/agent-command.ts";
import { imageServer } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { boardProcess } from "../support/processes.ts";
import { startCli } from "../support/run-cli.ts";
import { ServiceApp } from "../support/service-app.ts";
import { servesRepository } from "../support/signed-board.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { TufRepository } from "../support/tuf-repository.ts";

/* A signed update as a user rehearses it: a simulated board, a repository on a web server, and versions alone. */

it("a simulated board with a trust root takes a version alone from the CLI, and no version that nobody has signed", async () => {
  const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
  const publisher = new TufRepository({ boards: { "simulated-board": ["2.0.0"] }, now: new Date() });
  const server = await imageServer(servesRepository(publisher));
  const folder = await temporaryFolder();
  const [ca, root] = [join(folder, "ca.pem"), join(folder, "root.json")];
  await writeFile(ca, server.ca);
  await writeFile(root, publisher.file("1.root.json"));
  const board = await boardProcess(hub, "board-1", {
    BOARDKEEPER_UPDATE_REPOSITORY: `${server.origin}/repository`,
    BOARDKEEPER_UPDATE_CA_FILE: ca,
  });
  await board.start().line({ msg: "connected to the hub" });
  const update = async (version: string): Promise<[code: number, said: string]> => {
    const run = startCli(hub, `update -d board-1 --version ${version} --operation-id to-${version} --wait`);
    return [await run.exitCode, `${run.out.text}${run.err.text}`];
  };

  const [refused, why] = await update("2.0.0");
  expect(refused).not.toBe(0);
  expect(why).toContain("trust");

  const where = ["--simulate", "--state-dir", join(board.folder, "state")];
  const shown = await agentCommand(["trust", "add", root, ...where]);
  const fingerprint = /^Fingerprint {2}(\w{64})$/m.exec(shown.err)?.[1] ?? "";
  await agentCommand(["trust", "add", root, "--fingerprint", fingerprint, ...where]);
  const [done, said] = await update("2.0.0");
  expect(said).toContain("runs 2.0.0, proven healthy");
  expect(done).toBe(0);
  expect(await new ServiceApp(hub).reported("boardkeeper.trust.rootVersion")).toBe(1);
  const [unpublished, reason] = await update("9.0.0");
  expect(reason).toContain("(version-not-published)");
  expect(unpublished).toBe(1);
  const status = await agentCommand(["status", ...where]);
  expect(status.out).toMatch(/2\.0\.0, proven/);
});
