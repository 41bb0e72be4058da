import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { commandInstaller, type CommandInstallerOptions } from "../../../../../agent/board/installers/command.ts";
import { execScript } from "../../../../../agent/board/installers/exec-script.ts";
import type { FileInstaller, StagedImage } from "../../../../../agent/update/ports.ts";
import { quiet } from "../../../../support/logs.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const image: StagedImage = {
  path: "/staging/x.image",
  version: "2.0.0",
  operationId: "op-1",
  sha256: "a".repeat(64),
  sizeBytes: 5,
};
const never = new AbortController().signal;

/** A program in shell, and the options to install with it. */
async function program(
  script: string,
  changes: Partial<CommandInstallerOptions> = {},
): Promise<CommandInstallerOptions> {
  const folder = await temporaryFolder();
  const path = join(folder, "installer");
  await writeFile(path, `#!/bin/sh\ncd ${folder}\n${script}\n`);
  await chmod(path, 0o700);
  return {
    program: execScript(path),
    restart: "board",
    timeLimitMs: 10_000,
    replaces: [],
    stateDir: folder,
    log: quiet,
    ...changes,
  };
}

describe("an operator's program as installer", () => {
  it("gets one verb a call, and the image in its environment, and nothing else of the agent's", async () => {
    const options = await program(
      'echo "$1 $BOARDKEEPER_IMAGE_PATH $BOARDKEEPER_VERSION $BOARDKEEPER_OPERATION_ID" >> calls; env > "env-$1"',
    );
    const installer = commandInstaller(options);
    await installer.prepare(image, never);
    await installer.install(image, never);
    await installer.arm(image, never);
    await installer.commit(image);
    await installer.revert(image);
    const rest = "/staging/x.image 2.0.0 op-1";
    expect(await readFile(join(options.stateDir, "calls"), "utf8")).toBe(
      ["prepare", "install", "arm", "commit", "revert"].map((verb) => `${verb} ${rest}\n`).join(""),
    );
    const names = (await readFile(join(options.stateDir, "env-install"), "utf8"))
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(
      names.filter(
        (name) => name?.startsWith("IOTHUB") || name?.startsWith("npm_") || name === "CREDENTIALS_DIRECTORY",
      ),
    ).toStrictEqual([]);
  });

  it("tells the running version by what the program prints", async () => {
    expect(await commandInstaller(await program("echo ' 1.2.3 '")).runningVersion()).toBe("1.2.3");
    expect(await commandInstaller(await program(":")).runningVersion()).toBeNull();
  });

  it.each([
    ["two lines", "echo 1.2.3; echo mounted", String.raw`U+000A at character 6: "1.2.3\nmounted"`],
    ["no version", "echo 'slot b'", 'got "slot b"'],
    ["too much", "printf '%0201d' 0", "a version of at most 64 characters, got 201"],
  ])("refuses %s for a running version, which could not be saved", async (_what, script, words) => {
    await expect(commandInstaller(await program(script)).runningVersion()).rejects.toMatchObject({
      code: "version-unknown",
      message: expect.stringContaining(words),
    });
  });

  it("asks for the running version with a time limit of its own, and for as long as somebody wants to know", async () => {
    const options = await program("echo > started; exec sleep 600", { timeLimitMs: 3_600_000 });
    const impatient = commandInstaller({ ...options, versionLimitMs: 300 });
    await expect(impatient.runningVersion()).rejects.toMatchObject({
      code: "installer-timed-out",
      message: expect.stringContaining("longer than 0.3 s"),
    });
    const stop = new AbortController();
    const asking = commandInstaller(options).runningVersion(stop.signal);
    stop.abort(new Error("stopped"));
    await expect(asking).rejects.toThrow("stopped");
  });

  it("fails with the program's status and last words", async () => {
    const installer = commandInstaller(await program("echo out; echo 'slot b is mounted' >&2; exit 3"));
    await expect(installer.install(image, never)).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringMatching(/install ended with 3\. It said: slot b is mounted$/),
    });
  });

  it("fails when the program cannot be started", async () => {
    const options = await program(":");
    const installer = commandInstaller({ ...options, program: execScript("/nowhere/installer") });
    await expect(installer.install(image, never)).rejects.toMatchObject({ code: "installer-failed" });
  });

  it("stops the program and its children at the time limit", async () => {
    const options = await program("sleep 600 & echo $! > child; wait", { timeLimitMs: 300 });
    await expect(commandInstaller(options).install(image, never)).rejects.toMatchObject({
      code: "installer-timed-out",
    });
    const child = Number(await readFile(join(options.stateDir, "child"), "utf8"));
    // Gone, or dead and not yet collected by whoever inherited it.
    expect(await readFile(`/proc/${child}/stat`, "utf8").catch(() => `${child} (sleep) Z`)).toContain(" Z");
  });

  it("stops the program when the agent stops", async () => {
    const options = await program("echo > started; exec sleep 600");
    const stop = new AbortController();
    const installing = commandInstaller(options).install(image, stop.signal);
    stop.abort(new Error("stopped"));
    await expect(installing).rejects.toThrow("stopped");
  });

  it("is done when the program has ended well, whoever holds its pipes, and lets those live", async () => {
    const options = await program("setsid sleep 600 & echo $! > left; sleep 600 & echo $! >> left; echo 1.2.3");
    const left = async (): Promise<number[]> =>
      (await readFile(join(options.stateDir, "left"), "utf8")).trim().split("\n").map(Number);
    onTestFinished(async () => (await left()).forEach((pid) => process.kill(pid, "SIGKILL")));
    const installer = commandInstaller({
      ...options,
      program: execScript(options.program.name, { drainMs: 1_500 }),
      versionLimitMs: 1_000,
    });
    // The limit comes while the pipes are being drained, and must not count any more.
    await expect(installer.runningVersion()).resolves.toBe("1.2.3");
    await expect(commandInstaller(options).runningVersion()).resolves.toBe("1.2.3");
    for (const pid of await left()) expect(() => process.kill(pid, 0)).not.toThrow();
  });

  it("gives up a program that does not obey, even when another one holds its pipes", async () => {
    const options = await program("trap '' TERM; setsid sleep 600 & echo $! > left; while :; do sleep 1; done", {
      timeLimitMs: 300,
    });
    const impatient = execScript(options.program.name, { graceMs: 300, drainMs: 100 });
    onTestFinished(async () => {
      process.kill(Number(await readFile(join(options.stateDir, "left"), "utf8")), "SIGKILL");
    });
    await expect(commandInstaller({ ...options, program: impatient }).install(image, never)).rejects.toMatchObject({
      code: "installer-timed-out",
    });
  });

  it("gives up a program that runs as another user by now, and cannot be stopped", async () => {
    const options = await program("echo $$ > left; exec sleep 600", { timeLimitMs: 300 });
    const impatient = execScript(options.program.name, { graceMs: 100, drainMs: 100 });
    const kill = vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    });
    try {
      await expect(commandInstaller({ ...options, program: impatient }).install(image, never)).rejects.toMatchObject({
        code: "installer-timed-out",
      });
      expect(kill.mock.calls.map(([, signal]) => signal)).toEqual(["SIGTERM", "SIGKILL"]);
    } finally {
      kill.mockRestore();
      process.kill(Number(await readFile(join(options.stateDir, "left"), "utf8")), "SIGKILL");
    }
  });

  it("fails when the system cannot run the program's file", async () => {
    const options = await program(":");
    await writeFile(options.program.name, "no program");
    await expect(commandInstaller(options).install(image, never)).rejects.toMatchObject({ code: "installer-failed" });
  });

  it("refuses to begin where the update would replace the agent's state", async () => {
    const options = await program(":");
    const installer = commandInstaller({ ...options, replaces: [options.stateDir] });
    await expect(installer.prepare(image, never)).rejects.toMatchObject({ code: "state-in-slot" });
    await expect(installer.arm(image, never)).rejects.toMatchObject({ code: "state-in-slot" });
    const elsewhere = commandInstaller({ ...options, replaces: ["/proc"] });
    await expect(elsewhere.prepare(image, never)).resolves.toBeUndefined();
  });

  it.each([
    [
      "what the update replaces is not there",
      { replaces: ["/nowhere"] },
      /\/nowhere \(update\.command\.replaces\).*ENOENT/,
    ],
    ["what it replaces is below a file", { replaces: ["/etc/passwd/x"] }, /update\.command\.replaces.*ENOTDIR/],
    ["its own folder is gone", { replaces: ["/"], stateDir: "/nowhere" }, /\/nowhere \(agent\.state-dir\).*ENOENT/],
  ])("says that it cannot tell where its state lies: %s", async (_what, changes, message) => {
    const installer = commandInstaller(await program(":", changes));
    for (const act of [() => installer.prepare(image, never), () => installer.arm(image, never)])
      await expect(act()).rejects.toMatchObject({ code: "disk-error", message: expect.stringMatching(message) });
  });
});

describe("the example in docs/installers.md", () => {
  const first = { ...image, version: "2.0.0", operationId: "op-1" };
  const second = { ...image, version: "3.0.0", operationId: "op-2" };

  /** An app at release 1.0.0, the example that installs others, and what it restarted so far. */
  async function app(): Promise<{
    installer: FileInstaller;
    content: () => Promise<string>;
    restarts: () => Promise<string>;
    release: (of: StagedImage) => Promise<StagedImage>;
  }> {
    const folder = await temporaryFolder();
    const [, script = ""] = /```sh\n#!\/bin\/sh\n(.*?)```/s.exec(await readFile("docs/installers.md", "utf8")) ?? [];
    for (const replaced of ["cd /opt/app", "systemctl restart app"]) expect(script).toContain(replaced);
    await mkdir(join(folder, "releases/1.0.0"), { recursive: true });
    await writeFile(join(folder, "releases/1.0.0/hello"), "1.0.0");
    await writeFile(join(folder, "restarts"), "");
    await symlink("releases/1.0.0", join(folder, "current"));
    const options = await program(
      script.replace("cd /opt/app", `cd ${folder}`).replace("systemctl restart app", "cat current/hello >>restarts"),
    );
    return {
      installer: commandInstaller({ ...options, restart: "service" }),
      content: () => readFile(join(folder, "current/hello"), "utf8"),
      restarts: () => readFile(join(folder, "restarts"), "utf8"),
      release: async (of) => {
        const source = await temporaryFolder();
        const path = join(source, "release.tar");
        await writeFile(join(source, "hello"), of.version);
        execFileSync("tar", ["-cf", path, "-C", source, "hello"]);
        return { ...of, path };
      },
    };
  }

  const twice = async (verb: () => Promise<unknown>): Promise<void> => {
    await verb();
    await verb();
  };

  it("does what it promises, each verb twice", async () => {
    const { installer, content, restarts, release } = await app();
    const image2 = await release(first);
    await twice(() => installer.prepare(image2, never));
    await twice(() => installer.install(image2, never));
    expect([await installer.runningVersion(), await restarts()]).toStrictEqual(["1.0.0", ""]);
    await twice(() => installer.arm(image2, never));
    expect([await installer.runningVersion(), await content()]).toStrictEqual(["2.0.0", "2.0.0"]);
    expect(await restarts()).toBe("2.0.02.0.0");
    await twice(() => installer.revert(image2));
    expect([await installer.runningVersion(), await content()]).toStrictEqual(["1.0.0", "1.0.0"]);
    expect(await restarts()).toBe("2.0.02.0.01.0.01.0.0");
  });

  it("goes back to what this update replaced, never to what an older one did", async () => {
    const { installer, release } = await app();
    const image2 = await release(first);
    const image3 = await release(second);
    await installer.install(image2, never);
    await installer.arm(image2, never);
    await twice(() => installer.commit(image2));
    await installer.install(image3, never);
    await installer.revert(image3); // Nothing was switched yet: there is nothing to go back from.
    expect(await installer.runningVersion()).toBe("2.0.0");
    await installer.arm(image3, never);
    await installer.revert(image3);
    expect(await installer.runningVersion()).toBe("2.0.0");
  });

  it("does not replace the release that runs by another of the same name", async () => {
    const { installer, content, release } = await app();
    const again = await release({ ...first, version: "1.0.0" });
    await expect(installer.install(again, never)).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringContaining("1.0.0 is what runs"),
    });
    expect(await content()).toBe("1.0.0");
  });
});
