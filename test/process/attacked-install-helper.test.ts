import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { victim } from "../fixtures/attacks/metadata.ts";
import { signRelease, treeOf } from "../support/attacked-helper.ts";
import { hello, line, metadata, speak } from "../support/helper-words.ts";
import { tarOf } from "../support/tar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { TufRepository } from "../support/tuf-repository.ts";

/* Root's install helper as it ships, attacked over its socket: a process for each connection, as systemd starts it, with its lock. */

interface HelperProgram {
  readonly socket: string;
  readonly folder: string;
  /** Resolves when every process so far has ended, with their exit statuses. */
  readonly ended: () => Promise<unknown[]>;
}

/** On a board that trusts a publisher, whose owner has named a program and units. */
async function startProgram(root: Uint8Array): Promise<HelperProgram> {
  const folder = await temporaryFolder();
  const path = (name: string): string => join(folder, name);
  for (const name of ["own", "store", "releases", "run"]) await mkdir(path(name));
  await writeFile(path("root.json"), root, { mode: 0o644 });
  await writeFile(path("board.conf"), `board.compatible = ${victim}\nrelease.units = app.service\n`, { mode: 0o644 });
  await writeFile(path("program"), "#!/bin/sh\n");
  await chmod(path("program"), 0o755);
  await writeFile(path("permission"), `${path("program")}\n`, { mode: 0o644 });
  const env = {
    PATH: process.env["PATH"],
    BOARDKEEPER_NODE: process.execPath,
    BOARDKEEPER_INSTALL_HELPER: "dist/install-helper.cjs",
    BOARDKEEPER_INSTALL_FOLDER: path("own"),
    BOARDKEEPER_INSTALLER: path("permission"),
    BOARDKEEPER_TRUST_STORE: path("store"),
    BOARDKEEPER_TRUST_SEED: path("root.json"),
    BOARDKEEPER_BOARD_CONFIG: path("board.conf"),
    BOARDKEEPER_RELEASES: path("releases"),
    BOARDKEEPER_RUN: path("run"),
  };
  const statuses: Promise<unknown>[] = [];
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (connection) => {
    const child = spawn(resolve("systemd/libexec/install-helper"), [], {
      env,
      stdio: [connection, "ignore", "ignore"],
    });
    statuses.push(once(child, "close").then(([status]) => status));
    onTestFinished(() => void child.kill("SIGKILL"));
    connection.destroy();
  });
  server.listen(path("socket"));
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { socket: path("socket"), folder, ended: () => Promise.all(statuses) };
}

it("the program itself writes nothing of what nobody has signed for it, and goes on", async () => {
  const publisher = new TufRepository({ boards: { [victim]: ["1.0.0"] } });
  const good = signRelease(publisher, "2.0.0", tarOf({ name: "app", content: "app" }), { epoch: 5 });
  const bad = signRelease(publisher, "3.0.0", tarOf({ name: "../../app", content: "app" }), { epoch: 9 });
  const program = await startProgram(publisher.file("1.root.json"));
  const releases = async (): Promise<object> => await treeOf(join(program.folder, "releases"));

  const none = speak(program);
  expect(await none.ask(hello("none"))).toMatchObject({ error: { code: "installer-not-allowed" } });
  none.socket.destroy();
  const first = speak(program);
  expect(await first.ask(hello("release"))).toStrictEqual({ hello: 2, restart: "service" });
  expect(await first.ask(metadata(publisher.files))).toMatchObject({ trust: { rootVersion: 1, floor: 0 } });
  const stored = await treeOf(join(program.folder, "store"));
  const forged = new Map(publisher.files).set("timestamp.json", publisher.file("timestamp.json").subarray(1));
  expect(await first.ask(metadata(forged))).toMatchObject({ error: { code: "metadata-invalid" } });
  expect(await first.ask(line("install", { ...good.named, sha256: "a".repeat(64) }))).toMatchObject({
    error: { code: "not-signed" },
  });
  await first.ask(line("install", good.named));
  expect(await first.ask(Buffer.alloc(good.bytes.length))).toMatchObject({ error: { code: "image-changed" } });
  await first.ask(line("install", bad.named));
  expect(await first.ask(bad.bytes)).toMatchObject({ error: { code: "archive-unsafe" } });
  for (const verb of ["arm", "commit"]) expect(await first.ask(line(verb, bad.named))).toHaveProperty("error");
  expect(await releases()).toStrictEqual({});

  // The next session waits for the lock, and is served when this one is cut off by its own flood.
  const second = speak(program);
  first.socket.on("error", () => undefined);
  for (let piece = 0; piece < 40; piece += 1) first.socket.write(Buffer.alloc(64 * 1_024, "x"));
  first.socket.end();
  expect(await second.ask(hello("release"))).toMatchObject({ hello: 2 });
  await second.ask(line("install", good.named));
  expect(await second.ask(good.bytes)).toStrictEqual({ id: 1, done: {} });
  expect(await releases()).toHaveProperty(["/releases/2.0.0/app"]);
  second.socket.end();
  expect(await program.ended()).toStrictEqual([0, 0, 0]);
  expect(await treeOf(join(program.folder, "store"))).toStrictEqual(stored);
});
