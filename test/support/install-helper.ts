import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { systemTimer } from "../../agent/board/hardware/clocks.ts";
import type { Timer } from "../../agent/lib/clock.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { Connection } from "../../agent/helper-protocol/connection.ts";
import { copyDisk } from "../../agent/install-helper/copy-disk.ts";
import { ImageCopies } from "../../agent/install-helper/image-copies.ts";
import type { HelperInstaller } from "../../agent/install-helper/installers/installer.ts";
import { defaultBoardConfig } from "../../agent/config/board-config.ts";
import { makeInstaller } from "../../agent/install-helper/installers/registry.ts";
import type { TrustGate } from "../../agent/install-helper/ports.ts";
import { serve } from "../../agent/install-helper/serve.ts";
import { WriteLedger } from "../../agent/install-helper/write-ledger.ts";
import type { SignedTarget } from "../../agent/trust/ports.ts";
import type { RequestedImage, StagedImage } from "../../agent/update/ports.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Root's install helper, listening as its socket unit does, in this process and as the test's own user. */
export interface RunningInstallHelper {
  readonly socket: string;
  readonly folder: string;
  /** The file in which the owner names the program. */
  readonly permission: string;
  readonly program: string;
  /** The helper's own folder. */
  readonly own: string;
  readonly ledger: WriteLedger;
  /** What it has written to the journal. */
  readonly journal: readonly string[];
  /** Resolves when every session that was begun so far has ended. */
  readonly closed: () => Promise<unknown>;
}

export interface HelperOptions {
  /** What the owner's program does, in `folder`; null: the owner lets root run none. */
  readonly script?: string | null;
  readonly trust?: TrustGate;
  readonly timer?: Timer;
  readonly freeBytes?: number;
  readonly installer?: HelperInstaller;
}

/** A helper with an owner's program in shell. */
export async function startInstallHelper(given: HelperOptions = {}): Promise<RunningInstallHelper> {
  const { script = ":", trust = unsignedGate(), timer = systemTimer, freeBytes = 1e12 } = given;
  const folder = await temporaryFolder();
  const [program, permission] = [join(folder, "installer"), join(folder, "permission")];
  const own = join(folder, "own");
  await mkdir(own);
  if (script !== null) {
    await writeFile(program, `#!/bin/sh\ncd ${folder}\n${script}\n`);
    await chmod(program, 0o755);
    await writeFile(permission, `${program}\n`);
    await chmod(permission, 0o644);
  }
  const journal: string[] = [];
  const log = (priority: number, line: string): void => void journal.push(`<${priority}>${line}`);
  const ledger = new WriteLedger(own);
  const copies = new ImageCopies(own, "b007", { ...copyDisk, freeBytes: async () => freeBytes });
  const findCopy = async (sha256: string): Promise<string | undefined> =>
    (await copies.has(sha256)) ? copies.pathOf(sha256) : undefined;
  const owners = [0, process.geteuid?.() ?? 0];
  const context = {
    findCopy,
    permission,
    owners,
    log,
    timer,
    bootId: "b007",
    readConfig: async () => defaultBoardConfig,
    folders: { releases: join(folder, "releases"), helpers: folder },
    checkedImages: new Set<string>(),
  };
  const sessions: Promise<unknown>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const socket = await listen({ allowHalfOpen: true }, (connection) => {
    const ports = {
      timer,
      log,
      trust,
      copies,
      ledger,
      findInstaller: async (name: string, limitMs: number) =>
        given.installer ?? (await makeInstaller(name, { ...context, limitMs })),
    };
    // One at a time, as the lock has it.
    const session = new Connection(connection);
    last = last.then(async () => await serve(session, ports));
    sessions.push(last);
  });
  return { socket, folder, permission, program, own, ledger, journal, closed: () => Promise.all(sessions) };
}

/** A Unix socket on which this is done with whoever connects. */
export async function listen(
  options: { readonly allowHalfOpen?: boolean; readonly pauseOnConnect?: boolean },
  speak: (connection: Socket) => void,
): Promise<string> {
  const socket = join(await temporaryFolder(), "socket");
  const server: Server = createServer(options, (connection) => {
    connection.on("error", () => undefined);
    speak(connection);
  });
  server.listen(socket);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return socket;
}

/** What the helper says to this, sent by somebody who has taken the agent over. */
export async function answerTo(
  { socket }: Pick<RunningInstallHelper, "socket">,
  sent: string | Uint8Array,
): Promise<string> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.end(sent);
  return await text(connection);
}

/** A board without a trust root, whose owner allows unsigned images. */
function unsignedGate(): TrustGate {
  return {
    hasRoot: async () => false,
    refresh: async () => null,
    admit: async () => undefined,
    find: async () => undefined,
    currentFloor: async () => undefined,
    raiseFloor: () => Promise.reject(new Error("There is no floor without a trust root.")),
  };
}

/** A board that trusts these targets, and what became of its floor. */
export function signedGate(targets: readonly SignedTarget[]): TrustGate & { floor: number } {
  return {
    floor: 0,
    hasRoot: async () => true,
    async refresh() {
      return { rootVersion: 1, expires: "2036-01-01T00:00:00Z", floor: this.floor };
    },
    async admit({ sha256 }) {
      const found = targets.find((target) => target.sha256 === sha256);
      if (found === undefined) throw new AgentError("not-signed", "Nobody has signed this.");
      return found;
    },
    find: async (sha256) => targets.find((target) => target.sha256 === sha256),
    async currentFloor() {
      return this.floor;
    },
    async raiseFloor(epoch) {
      this.floor = Math.max(this.floor, epoch);
    },
  };
}

/** A signed target for an image. */
export function targetOf({ sha256, sizeBytes, version }: RequestedImage, epoch = 3): SignedTarget {
  return {
    version,
    epoch,
    kind: "feature",
    boards: ["board"],
    installer: "command",
    options: {},
    contentSha256: sha256,
    contentSize: sizeBytes,
    path: `board/${version}`,
    sha256,
    sizeBytes,
  };
}

/** An image as the agent has staged it. */
export async function stagedImage(content = "an image"): Promise<StagedImage> {
  const path = join(await temporaryFolder(), "x.image");
  await writeFile(path, content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { path, sha256, sizeBytes: Buffer.byteLength(content), version: "2.0.0", operationId: "op-1" };
}
