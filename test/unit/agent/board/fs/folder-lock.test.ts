import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { FolderInUse, lockFolderAsService, lockFolder } from "../../../../../agent/board/fs/folder-lock.ts";
import type { Timer } from "../../../../../agent/lib/clock.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const nobody = async (): Promise<boolean> => false;

function ended(server: Server | undefined): void {
  onTestFinished(() => void server?.close());
}

/** A timer that does what the test says in each pause, and how long the pauses were in all. */
function pauses(meanwhile: () => unknown = () => undefined): { readonly timer: Timer; readonly totalMs: () => number } {
  let totalMs = 0;
  const after = async (delayMs: number): Promise<void> => {
    totalMs += delayMs;
    await meanwhile();
  };
  return { timer: { after }, totalMs: () => totalMs };
}

/** Somebody else's program, which has the name of this folder's lock. */
async function stranger(folder: string): Promise<Server> {
  const { dev, ino } = await stat(folder);
  const server = createServer().listen(`\0boardkeeper-agent:${dev}:${ino}`);
  await once(server, "listening");
  ended(server);
  return server;
}

it("takes a folder for one agent alone, at once", async () => {
  const folder = await temporaryFolder();
  const { timer, totalMs } = pauses();
  ended(await lockFolderAsService(folder, nobody, timer));
  await expect(lockFolder(folder)).rejects.toThrow(FolderInUse);
  expect(totalMs()).toBe(0);
});

it("gives up for an agent that answers at its local API", async () => {
  const folder = await temporaryFolder();
  ended(await lockFolder(folder));
  let isOpen = false;
  const { timer } = pauses(() => (isOpen = true));
  await expect(lockFolderAsService(folder, async () => isOpen, timer)).rejects.toThrow(FolderInUse);
});

it("continues without the lock where another program has its name, once an agent would have answered", async () => {
  const folder = await temporaryFolder();
  await stranger(folder);
  const { timer, totalMs } = pauses();
  expect(await lockFolderAsService(folder, nobody, timer)).toBeUndefined();
  expect(totalMs()).toBe(30_000);
});

it("takes it when the stranger gives it back meanwhile", async () => {
  const folder = await temporaryFolder();
  const server = await stranger(folder);
  const { timer } = pauses(async () => {
    server.close();
    await once(server, "close");
  });
  ended(await lockFolderAsService(folder, nobody, timer));
  await expect(lockFolder(folder)).rejects.toThrow(FolderInUse);
});
