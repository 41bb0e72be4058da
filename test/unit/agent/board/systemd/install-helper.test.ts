import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, chmod, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemTimer } from "../../../../../agent/board/hardware/clocks.ts";
import { installViaHelper } from "../../../../../agent/board/systemd/install-helper.ts";
import type { ScriptCall, ScriptResult, InstallVerb } from "../../../../../agent/update/install-script.ts";
import type { StagedImage } from "../../../../../agent/update/ports.ts";
import { FakeTime } from "../../../../support/fake-time.ts";
import { startInstallHelper, stagedImage, type RunningInstallHelper } from "../../../../support/install-helper.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** What the agent asks for. */
function ask(
  { socket }: Pick<RunningInstallHelper, "socket">,
  verb: InstallVerb,
  image?: StagedImage,
  { timeLimitMs = 60_000, signal }: Partial<ScriptCall> & { signal?: AbortSignal } = {},
): Promise<ScriptResult> {
  return installViaHelper({ socket, timer: systemTimer }).run({ verb, image, timeLimitMs }, signal);
}

/** What the helper says to this, sent by somebody who has taken the agent over. */
async function answerTo({ socket }: RunningInstallHelper, sent: string): Promise<string> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.end(sent);
  return await text(connection);
}

const read = (helper: RunningInstallHelper, name: string): Promise<string> =>
  readFile(join(helper.folder, name), "utf8");
const isIn = (helper: RunningInstallHelper, name: string): boolean => existsSync(join(helper.folder, name));
/** Resolves when the program has left this behind. */
async function exists(helper: RunningInstallHelper, name: string): Promise<void> {
  await expect.poll(() => isIn(helper, name)).toBe(true);
}

describe("root's install helper", () => {
  it("runs the owner's program with the verb, a copy of the image, and nothing of the surroundings", async () => {
    const helper = await startInstallHelper(`cat "$BOARDKEEPER_IMAGE_PATH" >"got-$1"; env >env; pwd; echo fine >&2`);
    const image = await stagedImage("the bytes");
    expect(await ask(helper, "install", image)).toEqual({
      status: "0",
      timedOut: false,
      stdout: `${helper.folder}\n`,
      stderr: "fine\n",
    });
    expect(await read(helper, "got-install")).toBe("the bytes");
    const given = Object.fromEntries((await read(helper, "env")).split("\n").map((line) => line.split(/=(.*)/)));
    expect(given).toMatchObject({
      BOARDKEEPER_IMAGE_PATH: join(helper.own, `${image.sha256}.image`),
      BOARDKEEPER_VERSION: "2.0.0",
      BOARDKEEPER_SHA256: image.sha256,
      BOARDKEEPER_SIZE: "9",
      BOARDKEEPER_OPERATION_ID: "op-1",
    });
    expect(given).not.toHaveProperty("SECRET");
    expect(given).not.toHaveProperty("BOARDKEEPER_INSTALLER");
  });

  it("takes the image once for prepare and install, and throws its copy away after that", async () => {
    const helper = await startInstallHelper(`cat "$BOARDKEEPER_IMAGE_PATH" >>got`);
    const image = await stagedImage("x".repeat(300_000));
    await ask(helper, "prepare", image);
    await rm(image.path); // Asked for again, it could not be sent.
    await ask(helper, "install", image);
    expect(await read(helper, "got")).toHaveLength(600_000);
    expect(await readdir(helper.own)).toEqual(["lock"]);
  });

  it("takes the image again where its copy was damaged since", async () => {
    const helper = await startInstallHelper(`cat "$BOARDKEEPER_IMAGE_PATH" >got`);
    const image = await stagedImage("whole");
    await ask(helper, "prepare", image);
    await rm(join(helper.own, `${image.sha256}.image`));
    await writeFile(join(helper.own, `${image.sha256}.image`), "whoLe");
    await ask(helper, "install", image);
    expect(await read(helper, "got")).toBe("whole");
  });

  it.each<InstallVerb>(["arm", "commit", "revert"])("names the image for %s, and takes no copy of it", async (verb) => {
    const helper = await startInstallHelper("env >env");
    await ask(helper, verb, { ...(await stagedImage()), path: "/nowhere" });
    expect(await read(helper, "env")).toContain("BOARDKEEPER_VERSION=2.0.0\n");
    expect(await read(helper, "env")).not.toContain("IMAGE_PATH");
  });

  it("throws away what an earlier request has left", async () => {
    const helper = await startInstallHelper("echo 1.2.3");
    await ask(helper, "prepare", await stagedImage());
    await writeFile(join(helper.own, "image.new"), "half");
    await writeFile(join(helper.own, "slot-a"), "the owner's");
    expect(await ask(helper, "running-version")).toMatchObject({ status: "0", stdout: "1.2.3\n" });
    expect((await readdir(helper.own)).toSorted()).toEqual(["lock", "slot-a"]);
  });

  it.each([
    ["exit 3", "3"],
    ["kill -9 $$", "signal 9"],
  ])("says how '%s' ended, and its last words", async (script, status) => {
    const helper = await startInstallHelper(`yes out | head -c 100000; yes err | head -c 100000 >&2; ${script}`);
    const end = await ask(helper, "prepare", await stagedImage());
    expect(end).toMatchObject({ status, timedOut: false });
    expect([end.stdout.length, end.stderr.length]).toEqual([4_096, 4_096]);
    expect(await readdir(helper.own)).toEqual(["lock"]);
  });

  it("says why the program cannot be started", async () => {
    const helper = await startInstallHelper();
    await writeFile(helper.program, "#!/nowhere/interpreter\n");
    expect(await ask(helper, "arm", await stagedImage())).toMatchObject({
      status: "126",
      stderr: "it cannot be started: No such file or directory",
    });
  });

  it("stops the program, with its children, at the time limit, and has its last words", async () => {
    const helper = await startInstallHelper("sleep 600 & echo $! >child; echo slow; wait");
    expect(await ask(helper, "install", await stagedImage(), { timeLimitMs: 2_000 })).toMatchObject({
      timedOut: true,
      stdout: "slow\n",
    });
    expect(existsSync(`/proc/${(await read(helper, "child")).trim()}/exe`)).toBe(false);
  });

  it("tells the whole group of processes to end, and lets it", async () => {
    const helper = await startInstallHelper(
      `trap : TERM
       sh -c 'trap "echo over >child; exit" TERM; touch started; sleep 600 & wait' &
       wait; wait; echo over`,
    );
    const agent = new AbortController();
    const arming = ask(helper, "arm", await stagedImage(), { signal: agent.signal });
    await exists(helper, "started");
    agent.abort(new Error("stopped"));
    await expect(arming).rejects.toThrow("stopped");
    await helper.closed();
    expect(await read(helper, "child")).toBe("over\n");
  });

  it("stops the program when the agent hangs up, and lets the next one in when that has ended", async () => {
    const helper = await startInstallHelper(
      `trap 'sleep 0.3; echo over >>trace; exit' TERM
       echo "$1" >>trace; [ "$1" = commit ] || { touch started; sleep 600 & wait; }`,
    );
    const agent = new AbortController();
    const image = await stagedImage();
    const installing = ask(helper, "install", image, { signal: agent.signal });
    await exists(helper, "started");
    agent.abort(new Error("stopped"));
    await expect(installing).rejects.toThrow("stopped");
    await ask(helper, "commit", image);
    expect(await read(helper, "trace")).toBe("install\nover\ncommit\n");
  });

  it("is done when the program has ended, whoever holds its pipes", async () => {
    const helper = await startInstallHelper("setsid sleep 600 & echo $! >left; echo 1.2.3");
    onTestFinished(async () => void process.kill(Number(await read(helper, "left")), "SIGKILL"));
    expect(await ask(helper, "running-version")).toMatchObject({ status: "0", stdout: "1.2.3\n" });
  });

  it("runs nothing for somebody who has gone by the time that it is ready", async () => {
    const helper = await startInstallHelper("touch ran");
    expect(await answerTo(helper, "verb=running-version\nlimit=30\n\n")).toBe("ready\n");
    await helper.closed();
    expect(isIn(helper, "ran")).toBe(false);
  });

  it("refuses an image that is not the one asked for, runs nothing, and keeps nothing of it", async () => {
    const helper = await startInstallHelper("touch ran");
    const image = await stagedImage("as it was checked");
    await writeFile(image.path, "as it was chanGed");
    await expect(ask(helper, "install", image)).rejects.toMatchObject({ code: "image-changed" });
    await writeFile(image.path, "shrunk");
    await expect(ask(helper, "install", image)).rejects.toMatchObject({ code: "image-changed" });
    await helper.closed();
    expect(isIn(helper, "ran")).toBe(false);
    expect(await readdir(helper.own)).toEqual(["lock"]);
  });

  it.each<[string, (path: string) => Promise<unknown>, string]>([
    ["is gone with its folder", (path) => rm(dirname(path), { recursive: true }), "(ENOENT): the folder was removed"],
    [
      "is below a file by now",
      (path) => rm(dirname(path), { recursive: true }).then(() => writeFile(dirname(path), "")),
      "(ENOTDIR): a file lies where",
    ],
    ["is a folder by now", (path) => rm(path).then(() => mkdir(path)), "is a folder, not a file"],
  ])("says what became of the disk when an image %s", async (_what, lose, message) => {
    const helper = await startInstallHelper("touch ran");
    const image = await stagedImage("as it was checked");
    await lose(image.path);
    await expect(ask(helper, "install", image)).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringContaining(message),
    });
    await helper.closed();
    expect(isIn(helper, "ran")).toBe(false);
  });

  it("refuses an image for which there is no room", async () => {
    const helper = await startInstallHelper("touch ran", { df: "echo Avail; echo 67108880" });
    await ask(helper, "prepare", await stagedImage("x".repeat(16)));
    const large = ask(helper, "prepare", await stagedImage("x".repeat(17)));
    await expect(large).rejects.toMatchObject({ code: "no-space", message: expect.stringContaining("needs 17 bytes") });
  });

  it.each<[string, (helper: RunningInstallHelper) => Promise<unknown>, string]>([
    ["no word of the owner's", ({ permission }) => rm(permission), "allows root to run no installer"],
    [
      "a word that others could have written",
      ({ permission }) => chmod(permission, 0o666),
      "others than root may write to",
    ],
    [
      "a link",
      ({ permission, folder }) => rename(permission, join(folder, "p")).then(() => symlink("p", permission)),
      "is a link",
    ],
    ["a program's name without a path", ({ permission }) => writeFile(permission, "installer\n"), "absolute path"],
    ["more than one line", ({ permission }) => appendFile(permission, "/bin/sh\n"), "one line"],
    ["a program that is not there", ({ program }) => rm(program), "cannot be examined (No such file"],
    ["a program that cannot be run", ({ program }) => chmod(program, 0o644), "no program that can be run"],
    ["a folder for a program", ({ permission, own }) => writeFile(permission, own), "no program that can be run"],
    ["a program that its group may change", ({ program }) => chmod(program, 0o775), "others than root may write to"],
    ["a program that anybody may change", ({ program }) => chmod(program, 0o757), "others than root may write to"],
    [
      "a program in a folder that anybody may change",
      ({ folder }) => chmod(folder, 0o777),
      "others than root may write to",
    ],
    [
      "a program behind a link",
      async ({ permission, folder }) => {
        await symlink(folder, join(folder, "way"));
        await writeFile(permission, `${folder}/way/installer`);
      },
      "way is a link",
    ],
  ])("refuses to run anything with %s", async (_what, change, why) => {
    const helper = await startInstallHelper("touch ran");
    await change(helper);
    const asking = ask(helper, "install", await stagedImage());
    await expect(asking).rejects.toMatchObject({
      code: "installer-not-allowed",
      message: expect.stringContaining(why),
    });
    await helper.closed();
    expect(isIn(helper, "ran")).toBe(false);
    const check = spawnSync("systemd/libexec/install-helper", ["check"], {
      env: { BOARDKEEPER_INSTALLER: helper.permission },
    });
    expect([check.status, String(check.stdout)]).toEqual([1, expect.stringContaining(why)]);
  });

  it("says which program it would run", async () => {
    const { program, permission } = await startInstallHelper();
    const check = spawnSync("systemd/libexec/install-helper", ["check"], {
      env: { BOARDKEEPER_INSTALLER: permission },
    });
    expect([check.status, String(check.stdout)]).toEqual([0, `${program}\n`]);
  });

  const good = { verb: "arm", limit: "30", sha256: "a".repeat(64), size: "1", version: "2.0.0", operation: "op-1" };
  it.each([
    ["a verb that is none", { verb: "rm" }, "unknown line"],
    ["a verb with a line in it", { verb: "arm\nprogram=/bin/sh" }, "unknown line"],
    ["a program to run", { program: "/bin/sh" }, "unknown line"],
    ["a limit of nothing", { limit: "0" }, "unknown line"],
    ["a limit beyond all patience", { limit: "100000" }, "unknown line"],
    ["a digest that leads elsewhere", { sha256: `../${"a".repeat(61)}` }, "unknown line"],
    ["a size that is none", { size: "1e9" }, "unknown line"],
    ["a version with a command in it", { version: "$(touch ran)" }, "unknown line"],
    ["an operation that is none", { operation: "a b" }, "unknown line"],
    ["an image for running-version", { verb: "running-version" }, "too many lines"],
    ["a line said twice", { limit: "30\nlimit=31" }, "unknown line"],
    ["a line without end", { version: "a".repeat(300) }, "too long"],
  ])("refuses %s", async (_what, changes, why) => {
    const helper = await startInstallHelper("touch ran");
    const lines = Object.entries({ ...good, ...changes }).map(([key, value]) => `${key}=${value}\n`);
    expect(await answerTo(helper, `${lines.join("")}\nrun\n`)).toMatch(
      new RegExp(`^refused installer-failed .*${why}.*\n$`),
    );
    expect(isIn(helper, "ran")).toBe(false);
  });

  it.each(Object.keys(good))("refuses a request without %s", async (key) => {
    const helper = await startInstallHelper("touch ran");
    const lines = Object.entries(good).filter(([name]) => name !== key);
    const answer = await answerTo(helper, `${lines.map(([name, value]) => `${name}=${value}\n`).join("")}\nrun\n`);
    expect(answer).toMatch(/^refused installer-failed .* has too few or too many lines/);
    expect(isIn(helper, "ran")).toBe(false);
  });
});

describe("the agent as a client of the install helper", () => {
  /** A helper that does this with whoever comes. */
  async function fakeHelper(speak: (connection: Socket) => void): Promise<{ socket: string }> {
    const socket = join(await temporaryFolder(), "socket");
    const server = createServer((connection) => {
      connection.on("error", () => undefined);
      speak(connection);
    });
    server.listen(socket);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return { socket };
  }

  it("says what is missing on a board without a helper", async () => {
    const asking = ask({ socket: join(await temporaryFolder(), "none") }, "running-version");
    await expect(asking).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringMatching(/cannot be reached \(.*ENOENT.*systemctl start boardkeeper-install\.socket/),
    });
  });

  it.each([
    ["", "closed without an answer"],
    ["ready\n", "closed without an answer"],
    ["ready\nended 0 5 0\nabc", "closed without an answer"],
    ["open sesame\n", "sent an unknown answer: open sesame"],
    ["refused unheard-of Because.\n", "sent an unknown answer"],
    ["ready\nended well\n", "sent an unknown answer: ended well"],
  ])("says so when the helper says %j", async (words, expected) => {
    const asking = ask(
      await fakeHelper((connection) => connection.resume().end(words)),
      "install",
      await stagedImage(),
    );
    await expect(asking).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringContaining(expected),
    });
  });

  it.each([1, 2])(
    "takes a refusal for what it is while it is still sending, to a helper that reads no more",
    async (pieces) => {
      const image = await stagedImage("x".repeat(4_000_000));
      let heard = 0;
      const helper = await fakeHelper((connection) => {
        connection.write("send\n");
        connection.on("readable", () => {
          if ((heard += 1) === pieces) connection.write("refused no-space The disk is full.\n");
          if (heard < pieces) connection.read();
        });
      });
      const asking = ask(helper, "install", image);
      await expect(asking).rejects.toMatchObject({ code: "no-space", message: "The disk is full." });
    },
  );

  it("asks for whole seconds, one at least", async () => {
    const limits: unknown[] = [];
    const helper = await fakeHelper((connection) => {
      connection.once("data", (request: Buffer) => {
        limits.push(/^limit=.*$/m.exec(String(request))?.[0]);
        connection.end("refused no-space No.\n");
      });
    });
    for (const timeLimitMs of [300, 1_001])
      await expect(ask(helper, "running-version", undefined, { timeLimitMs })).rejects.toThrow("No.");
    expect(limits).toEqual(["limit=1", "limit=2"]);
  });

  it("waits for as long as the program may take, and no longer", async () => {
    const time = new FakeTime();
    const program = installViaHelper({
      ...(await fakeHelper((connection) => connection.write("ready\n"))),
      timer: time,
    });
    const asking = program.run({ verb: "running-version", image: undefined, timeLimitMs: 30_000 });
    const end = asking.catch((cause: unknown) => cause);
    while (time.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    while ((await Promise.race([end, time.advance(10_000)])) === undefined);
    expect(await end).toMatchObject({ code: "installer-failed", message: expect.stringContaining("within 90 s") });
  });
});
