import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { listen } from "../support/install-helper.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const starter = "systemd/libexec/install-helper";

interface Board {
  readonly folder: string;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly helpers: readonly ChildProcess[];
  readonly socket: string;
}

/** The built helper behind a socket, started for each connection as systemd does it. */
async function board(script: string): Promise<Board> {
  const folder = await temporaryFolder();
  const [program, permission] = [join(folder, "installer"), join(folder, "permission")];
  await mkdir(join(folder, "own"));
  await writeFile(program, `#!/bin/sh\ncd ${folder}\n${script}\n`);
  await chmod(program, 0o755);
  await writeFile(permission, `${program}\n`);
  await chmod(permission, 0o644);
  const env = {
    PATH: process.env["PATH"] ?? "",
    SECRET: "of the service",
    BOARDKEEPER_NODE: process.execPath,
    BOARDKEEPER_INSTALL_HELPER: "dist/install-helper.cjs",
    BOARDKEEPER_INSTALL_FOLDER: join(folder, "own"),
    BOARDKEEPER_INSTALLER: permission,
    BOARDKEEPER_TRUST_STORE: join(folder, "trust"),
    BOARDKEEPER_TRUST_SEED: join(folder, "root.json"),
    BOARDKEEPER_BOARD_CONFIG: join(folder, "board.conf"),
  };
  const helpers: ChildProcess[] = [];
  const socket = await listen({ pauseOnConnect: true, allowHalfOpen: true }, (connection) => {
    helpers.push(spawn(starter, { env, stdio: [connection, "ignore", "inherit"] }));
    connection.destroy(); // The helper has its own end of it.
  });
  return { folder, program, env, helpers, socket };
}

function speak(socket: string): { ask: (line: object) => Promise<unknown>; end: () => void } {
  const connection = connect(socket);
  onTestFinished(() => void connection.destroy());
  const lines = createInterface({ input: connection })[Symbol.asyncIterator]();
  return {
    ask: async (line) => {
      connection.write(`${JSON.stringify(line)}\n`);
      const { value, done } = await lines.next();
      return done === true ? "closed" : JSON.parse(value);
    },
    end: () => void connection.destroy(),
  };
}

const hello = { hello: 2, agent: "1.0.0", installer: "command" };
const askVersion = { id: 1, verb: "running-version", limitMs: 30_000 };
const image = { sha256: "a".repeat(64), sizeBytes: 1, version: "2.0.0", operationId: "op-1" };

it("the built helper serves sessions, one after the other, and passes nothing of its surroundings on", async () => {
  const { folder, socket, helpers } = await board("env >env; ls -l /proc/self/fd >fds; echo 1.2.3");
  const first = speak(socket);
  expect(await first.ask(hello)).toEqual({ hello: 2, restart: null });
  const second = speak(socket);
  const waiting = second.ask(hello);
  expect(await first.ask(askVersion)).toEqual({ id: 1, done: { version: "1.2.3" } });
  expect(await readFile(join(folder, "env"), "utf8")).not.toMatch(/SECRET|BOARDKEEPER/);
  // Neither the connection nor the lock: what the program leaves running must not hold them.
  expect(await readFile(join(folder, "fds"), "utf8")).not.toMatch(/socket:.*\n[^]*socket:.*\n[^]*socket:|\/own\/lock/);
  expect(await Promise.race([waiting, first.ask(askVersion)])).toMatchObject({ id: 1 });
  first.end();
  expect(await waiting).toEqual({ hello: 2, restart: null });
  second.end();
  for (const helper of helpers) if (helper.exitCode === null) await once(helper, "exit");
  expect(helpers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
});

it("the built helper installs nothing on a board without a trust root, unless its owner allows it", async () => {
  const { folder, socket } = await board("touch ran");
  const agent = speak(socket);
  await agent.ask(hello);
  expect(await agent.ask({ id: 1, verb: "install", image, limitMs: 1_000 })).toMatchObject({
    error: { code: "trust-root-missing" },
  });
  await writeFile(join(folder, "board.conf"), "update.allow-unsigned = yes\n");
  expect(await agent.ask({ id: 2, verb: "install", image, limitMs: 1_000 })).toEqual({ id: 2, resumeAt: 0 });
  expect(existsSync(join(folder, "ran"))).toBe(false);
});

it("the built helper ends when the agent does, with the program that it runs", async () => {
  const { folder, socket, helpers } = await board("echo $$ >pid; exec sleep 600");
  const agent = speak(socket);
  await agent.ask(hello);
  void agent.ask(askVersion).catch(() => undefined); // It is never answered.
  await expect.poll(() => existsSync(join(folder, "pid"))).toBe(true);
  agent.end();
  await Promise.all(helpers.map(async (helper) => helper.exitCode ?? (await once(helper, "exit"))));
  expect(existsSync(`/proc/${(await readFile(join(folder, "pid"), "utf8")).trim()}/exe`)).toBe(false);
});

it("the built helper says which program root would run, or why none", async () => {
  const { program, env } = await board(":");
  const ask = (): [number | null, string] => {
    const { status, stdout } = spawnSync(starter, ["check"], { env, encoding: "utf8" });
    return [status, stdout];
  };
  expect(ask()).toEqual([0, `${program}\n`]);
  await chmod(program, 0o777);
  expect(ask()).toEqual([1, expect.stringContaining("others than root may write to")]);
});
