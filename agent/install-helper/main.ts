import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import packageJson from "../../package.json" with { type: "json" };
import { readBoardConfig } from "../board/trust/board-config-file.ts";
import { readBoardNames } from "../board/trust/board-names.ts";
import { TrustFolder } from "../board/trust/trust-folder.ts";
import { systemTimer } from "../board/hardware/clocks.ts";
import type { BoardConfig } from "../config/board-config.ts";
import { configFolder, helperFolder, releaseFolder, trustPaths } from "../config/paths.ts";
import { onOneLine } from "../contract/safe-text.ts";
import { isAbsent } from "../lib/errors.ts";
import type { ReferenceClock } from "../trust/ports.ts";
import { verifyRoot } from "../trust/trust-root.ts";
import { Connection } from "../helper-protocol/connection.ts";
import { ImageCopies } from "./image-copies.ts";
import { makeInstaller } from "./installers/registry.ts";
import { findOwnersProgram } from "./owners-program.ts";
import type { HelperPorts, JournalLog } from "./ports.ts";
import { serve } from "./serve.ts";
import { HelperTrustGate } from "./trust-gate.ts";
import { WriteLedger } from "./write-ledger.ts";

/*
 * Root's install helper: the process that systemd starts for a connection of the agent to /run/boardkeeper/install.sock, which is its
 * standard input. systemd/libexec/install-helper has taken the lock: there is one at a time. It gets bytes and names from the agent,
 * never paths, and trusts none of them.
 *
 * "check" prints the program that `command` would run, or why there is none, and runs nothing.
 */

/** systemd gives this process no environment of the agent's. Tests name other places. */
const { env } = process;
const folder = env["BOARDKEEPER_INSTALL_FOLDER"] ?? "/var/lib/boardkeeper-install";
const permission = env["BOARDKEEPER_INSTALLER"] ?? `${configFolder}/installer`;
const storeFolder = env["BOARDKEEPER_TRUST_STORE"] ?? trustPaths.store;
const seed = env["BOARDKEEPER_TRUST_SEED"] ?? trustPaths.seed;
const boardConfig = env["BOARDKEEPER_BOARD_CONFIG"] ?? trustPaths.boardConfig;

/** Root; the same user, except in tests. */
const owners = [0, process.geteuid?.() ?? 0];

/** To the journal. */
const log: JournalLog = (priority, text) => void process.stderr.write(`<${priority}>${onOneLine(text)}\n`);

(process.argv[2] === "check" ? check() : serveAgent()).then(
  () => process.exit(), // Nothing that was started for the agent runs any more.
  (cause: unknown) => {
    log(3, cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    process.exit(1);
  },
);

async function check(): Promise<void> {
  const found = await findOwnersProgram(permission, owners);
  process.stdout.write(`${"program" in found ? found.program : found.refusal}\n`);
  process.exitCode = "program" in found ? 0 : 1;
}

async function serveAgent(): Promise<void> {
  const socket = new Socket({ fd: 0, allowHalfOpen: true, readable: true, writable: true });
  await serve(new Connection(socket), await createPorts());
}

async function createPorts(): Promise<HelperPorts> {
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const copies = new ImageCopies(folder, bootId);
  const findCopy = async (sha256: string): Promise<string | undefined> =>
    (await copies.has(sha256)) ? copies.pathOf(sha256) : undefined;
  const readConfig = (): Promise<BoardConfig> => readBoardConfig(boardConfig, owners);
  const installers = {
    findCopy,
    permission,
    owners,
    log,
    timer: systemTimer,
    bootId,
    readConfig,
    folders: {
      releases: env["BOARDKEEPER_RELEASES"] ?? releaseFolder,
      helpers: env["BOARDKEEPER_RUN"] ?? helperFolder,
    },
    checkedImages: new Set<string>(),
  };
  return {
    timer: systemTimer,
    log,
    copies,
    ledger: new WriteLedger(folder),
    trust: new HelperTrustGate({
      store: new TrustFolder({
        folder: storeFolder,
        seed,
        seedOwners: owners,
        checkRoot: (root) => void verifyRoot("root.json", root),
      }),
      readConfig,
      readNames: async (config) => (await readBoardNames(config)).names,
      readClock,
      agentVersion: packageJson.version,
      log,
    }),
    findInstaller: (name, limitMs) => makeInstaller(name, { ...installers, limitMs }),
  };
}

/**
 * The wall clock counts while systemd-timesyncd has set it. This process sees no D-Bus, so it cannot ask for another time service:
 * with one, signed times count (docs/security.md).
 */
async function readClock(): Promise<ReferenceClock> {
  return { nowMs: Date.now(), isSynchronized: await exists("/run/systemd/timesync/synchronized") };
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (cause) {
    if (isAbsent(cause)) return false;
    throw cause;
  }
}
