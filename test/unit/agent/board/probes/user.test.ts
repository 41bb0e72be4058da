import { expect, it } from "vitest";
import { currentUser, outputAsUser } from "../../../../../agent/board/probes/user.ts";
import { needs } from "../../../../support/needs.ts";

const terms = { timeoutMs: 30_000 };

it("runs a program in a session of its own, which has no terminal", async () => {
  // pid (comm) state ppid pgrp session tty_nr: proc_pid_stat(5).
  const stat = await outputAsUser(currentUser(), ["cat", "/proc/self/stat"], terms);
  const [pid, , , , , session, terminal] = stat.split(" ");
  expect({ session, terminal }).toEqual({ session: pid, terminal: "0" });
});

it("gives it that user's rights, and no group of root's", needs("another user"), async () => {
  const status = await outputAsUser({ uid: 65_534, gid: 65_534 }, ["cat", "/proc/self/status"], terms);
  expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
  expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
  expect(status).toMatch(/^Groups:\s*$/m);
});

it("tells what a program said that ended badly, and which one could not be started", async () => {
  await expect(outputAsUser(currentUser(), ["sh", "-c", "echo no bus >&2; exit 3"], terms)).rejects.toThrow(
    "sh ended with 3: no bus",
  );
  await expect(outputAsUser(currentUser(), ["/nowhere/program"], terms)).rejects.toThrow("ENOENT");
});

it("ends one that takes too long", async () => {
  await expect(outputAsUser(currentUser(), ["sleep", "infinity"], { timeoutMs: 50 })).rejects.toThrow(
    "ended with SIGKILL",
  );
});
