import { randomUUID } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as tls from "node:tls";
import { errorMessage } from "../lib/errors.ts";
import { FakeHubSocket } from "./fake-hub.ts";
import { ProgramLoader, type LoadedSource } from "./program-loader.ts";
import { saveCaches } from "./save-caches.ts";

/*
 * Makes the code cache, as make-code-cache.cjs: starts the agent as a simulated board in a temporary folder, until a hub within
 * this process has its first report, and saves what V8 has compiled until then. Root runs it on real boards: so it asks nothing of
 * the real board's programs and helpers, runs no program, and connects to nothing. V8 compiles a function when it is first called,
 * so a start is the way to have in the cache what a start needs, and nothing else.
 */

/** An emulated processor needs seconds for a start; a hopeless one ends here, without a cache. */
const deadlineMs = 120_000;
/** What the agent does in the moments after its first answers is in the cache too. */
const lingerMs = 300;
/** A simulated board, just powered on, as agent/board/simulator keeps one; the agent does not start from another shape. */
const board = {
  version: 1,
  bootId: randomUUID(),
  poweredOnMs: 0,
  running: "a",
  default: "a",
  trial: null,
  slots: { a: "1.0.0", b: null },
};

const folder = dirname(__filename);
const loaded: LoadedSource[] = [];
let outcome = "the agent ended before it reported to the hub within this process";
process.on("exit", () => {
  if (outcome === "made") return;
  process.stderr.write(`boardkeeper-agent: no code cache was made: ${outcome}.\n`);
  process.exitCode = 1;
});
try {
  startAgent();
} catch (cause) {
  end(errorMessage(cause));
}

function startAgent(): void {
  const work = mkdtempSync(join(tmpdir(), "boardkeeper-code-cache-"));
  process.on("exit", () => rmSync(work, { recursive: true, force: true }));
  setTimeout(() => end("the agent did not report to the hub within this process in time"), deadlineMs).unref();
  process.noDeprecation = true; // The SDK's use of url.parse() is no news for who installs a package.
  // The agent's log goes to standard output: /dev/null becomes that, as the lowest descriptor that is free.
  closeSync(1);
  openSync("/dev/null", "w");
  const settingsFile = join(work, "agent.toml");
  writeFileSync(settingsFile, "");
  const boardFile = join(work, "board.json");
  writeFileSync(boardFile, JSON.stringify(board)); // Without it, this would be the agent of the real board.
  // Of the settings of this board, none: neither files nor variables.
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, {
    IOTHUB_DEVICE_CONNECTION_STRING: "HostName=hub.invalid;DeviceId=board;SharedAccessKey=bm9uZQ==",
    BOARDKEEPER_BOARD_FILE: boardFile,
    PATH: join(work, "none"), // The agent asks programs about the machine, also that of a simulated board: it finds none.
  });
  process.argv.splice(2, Infinity, "run", "--simulate", "--config", settingsFile, "--state-dir", join(work, "state"));
  const tlsOfFakeHub = { ...tls, connect: (): FakeHubSocket => new FakeHubSocket(save) };
  const nodeRequire = createRequire(__filename);
  const loader = new ProgramLoader({
    entry: join(folder, "boardkeeper-agent.mjs"),
    cacheFolder: join(work, "none"),
    onLoaded: (source) => loaded.push(source),
    requireBuiltin: (id): unknown => (/^(node:)?tls$/.test(id) ? tlsOfFakeHub : nodeRequire(id)),
  });
  loader.load(join(folder, "agent/main.cjs"));
}

function save(): void {
  setTimeout(() => {
    const caches = join(folder, "code-cache");
    try {
      saveCaches(caches, loaded);
      outcome = "made";
      process.exit(0);
    } catch (cause) {
      end(`${caches} could not be written (${errorMessage(cause)})`);
    }
  }, lingerMs);
}

function end(reason: string): void {
  outcome = reason;
  process.exit(1);
}
