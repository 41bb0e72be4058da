import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { agentCommand, agentForAllUsers, ended } from "../support/agent-command.ts";
import { testImage } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { asStranger, needs, withOwnMounts } from "../support/needs.ts";
import { boardProcess } from "../support/processes.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ServiceApp } from "../support/service-app.ts";

describe("status", () => {
  it("comes from the running agent, or from the saved state when it was killed", async () => {
    const hub = await testHub();
    const board = await boardProcess(hub);
    const agent = board.start();
    await agent.line({ msg: "connected to the hub" });
    const asked = ["status", "--state-dir", join(board.folder, "state")];
    const running = await agentCommand(asked);
    expect(running).toMatchObject({ status: 0, err: "" });
    expect(running.out).toMatch(
      /^Agent +running 0\.1\.0, simulated board, since .*^Hub +connected for \d+ seconds?$/ms,
    );
    expect(JSON.parse((await agentCommand([...asked, "--json"])).out)).toMatchObject({
      running: true,
      link: { up: true },
    });

    agent.killAll();
    await agent.exited;
    const stopped = await agentCommand(asked);
    expect(stopped).toMatchObject({ status: 0 });
    expect(stopped.out).toMatch(/^Agent +not running$/m);
    expect(stopped.err).toContain("No agent is running");
    expect(JSON.parse((await agentCommand([...asked, "--json"])).out)).toMatchObject({ running: false, saved: true });
    // The socket of the killed agent does not stop the next one.
    await board.start().line({ msg: "connected to the hub" });
    expect((await agentCommand(asked)).out).toContain("running 0.1.0");
  });

  it("shows no other agent than the one that is meant", async () => {
    const hub = await testHub();
    const board = await boardProcess(hub);
    await board.start().line({ msg: "connected to the hub" });
    const other = await agentCommand(["status", "--state-dir", await temporaryFolder()]);
    expect(other.out).toMatch(/^Agent +not running$/m);
  });

  it("is for those who may use the local API, and says so to others", needs("another user"), async () => {
    const folder = await temporaryFolder();
    const asked = ["status", "--state-dir", join(folder, "private", "state")];
    await ended(["install", "-d", "-m", "700", join(folder, "private")]);
    const refused = await agentCommand(asked, { before: asStranger, agent: await agentForAllUsers() });
    expect(refused).toMatchObject({ status: 1, out: "" });
    expect(refused.err).toContain("sudo");
  });
});

it("provision makes a board of a machine: what was typed in reaches the hub", needs("an overlay of /etc"), async () => {
  const hub = await testHub();
  const folder = await temporaryFolder();
  const secret = join(folder, "secret");
  await writeFile(secret, await hub.addDevice("board-1"), { mode: 0o600 });
  const own = join(folder, "etc");
  await mkdir(own);
  const agent = `'${process.execPath}' dist/boardkeeper-agent.mjs`;
  const script = [
    // An /etc of this test alone, which is gone with the last of its processes.
    `mount -t tmpfs tmpfs ${own} && mkdir ${own}/upper ${own}/work`,
    `mount -t overlay overlay -o lowerdir=/etc,upperdir=${own}/upper,workdir=${own}/work /etc`,
    `${agent} provision --no-start --ca-file ${hub.caFile} <${secret}`,
    "cd /etc/boardkeeper && stat -c '%a %n' credentials credentials/connection-string hub-ca.pem >&2 && cd - >/dev/null",
    `exec ${agent} run --state-dir ${folder}/state`,
  ].join(" && ");
  const [unshare, ...options] = withOwnMounts;
  const board = spawn(unshare, [...options, "sh", "-c", script], {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void board.kill("SIGKILL"));
  const said = text(board.stderr);
  const exited = once(board, "exit");
  const failed = exited.then(async () => Promise.reject(new Error(await said)));
  await Promise.race([new ServiceApp(hub).untilReported("boardkeeper.agent.mode", "systemd"), failed]);
  board.kill("SIGTERM");
  await failed.catch(() => undefined);
  expect(await said).toContain("700 credentials\n600 credentials/connection-string\n644 hub-ca.pem\n");
});

describe("install", () => {
  it("takes a file that the agent cannot see through every phase of an update, once", async () => {
    const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
    const board = await boardProcess(hub);
    await board.start().line({ msg: "connected to the hub" });
    const image = testImage();
    const file = join(await temporaryFolder(), "on a stick.img");
    await writeFile(file, image.content);
    const command = ["install", file, "--sha256", image.sha256, "--firmware-version", "2.0.0"];
    const where = ["--state-dir", join(board.folder, "state")];

    const done = await agentCommand([...command, ...where]);
    expect(done).toMatchObject({ status: 0, out: "This board runs 2.0.0, proven healthy after the update.\n" });
    await new ServiceApp(hub).untilReported("boardkeeper.update.phase", "completed"); // The report may still be on its way.

    const history = await agentCommand(["history", ...where]);
    expect(history.status).toBe(0);
    expect(history.out).toMatch(
      /^\S+Z {2}reboot {2}proven +for an update\n\S+Z {2}update {2}completed +2\.0\.0 {2}\(install-/,
    );
    const logs = await agentCommand(["logs", "--since", "1h", ...where]);
    expect(logs).toMatchObject({ status: 0, err: "" });
    expect(logs.out).toMatch(/ info {3}link {7}connected to the hub desiredVersion=1$/m);
    const fromAfar = await runCli(hub, "logs -d board-1 --level info");
    expect(fromAfar).toMatchObject({ exitCode: 0, err: "" });
    expect(fromAfar.out).toContain("update phase operationId=install-");
    expect(fromAfar.out).not.toMatch(/SharedAccessKey=[^[]/);

    const again = await agentCommand([...command, ...where]);
    expect(again).toMatchObject({ status: 0 });
    expect(again.err).toContain("This update was committed at");
    // The end is reported first, then the image is removed.
    await expect.poll(() => readdir(join(board.folder, "state", "staging"))).toEqual([]);

    const other = await agentCommand(["install", file, "--sha256", "a".repeat(64), ...where]);
    expect(other).toMatchObject({ status: 1 });
    expect(other.err).toContain("The agent refused (bad-digest)");
  });

  it.each([
    [["install"], 64, "The image is missing."],
    [["install", "/etc/hostname"], 64, "--sha256: expected the SHA-256 of the image"],
    [["install", "/nonexistent", "--sha256", "a".repeat(64)], 1, "/nonexistent cannot be read"],
    [["install", "/etc", "--sha256", "a".repeat(64)], 1, "/etc is not a file"],
    [["install", "/etc/hostname", "--sha256", "a".repeat(64)], 1, "No agent is running"],
    [["install", "https://x/y", "--sha256", "a".repeat(64)], 1, "No agent is running"],
  ])("%j ends with %i", async (args, status, message) => {
    const where = args.length > 2 ? ["--state-dir", await temporaryFolder()] : [];
    const refused = await agentCommand([...args, ...where]);
    expect(refused).toMatchObject({ status, out: "" });
    expect(refused.err).toContain(message);
  });
});

it.each([
  [["logs"], 1, "There is no log: systemd does not run here"],
  [["logs", "--follow"], 1, "there is no journal to follow"],
  [["logs", "--since", "soon"], 64, "--since: expected 10m"],
  [["logs", "--level", "loud"], 64, "--level: expected one of debug"],
  [["history"], 0, "No update and no reboot of this board has ended yet."],
])("%j, with no agent, ends with %i", async (args, status, message) => {
  const said = await agentCommand([...args, "--state-dir", await temporaryFolder()]);
  expect(said).toMatchObject({ status, out: "" });
  expect(said.err).toContain(message);
});

it("shows what steers a terminal instead of obeying it", async () => {
  const { err } = await agentCommand(["logs", "--since", "\u001b[2J"]);
  expect(err).toContain('got "\\u001b[2J"');
});
