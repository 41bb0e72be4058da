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
 * this process has its first report, and saves what V8 has compiled until then. V8 compiles a function when it is first called,
 * so a start is the way to have in the cache what a start needs, and nothing else.
 */

/** An emulated processor needs seconds for a start; a hopeless one ends here, without a cache. */
const deadlineMs = 120_000;
/** What the agent does in the moments after its first answers is in the cache too. */
const lingerMs = 300;

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
  // Of the settings of this board, none: neither files nor variables.
  for (const name of Object.keys(process.env)) if (name !== "PATH" && name !== "TMPDIR") delete process.env[name];
  Object.assign(process.env, {
    IOTHUB_DEVICE_CONNECTION_STRING: "HostName=hub.invalid;DeviceId=board;SharedAccessKey=bm9uZQ==",
    BOARDKEEPER_BOARD_FILE: join(work, "board.json"),
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
    try {
      saveCaches(join(folder, "code-cache"), loaded);
      outcome = "made";
      process.exit(0);
    } catch (cause) {
      end(errorMessage(cause));
    }
  }, lingerMs);
}

function end(reason: string): void {
  outcome = reason;
  process.exit(1);
}
