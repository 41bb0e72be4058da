import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, chmod, readFile, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
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

/** What the door says to this, sent by somebody who has taken the agent over. */
async function answerTo({ socket }: RunningInstallHelper, sent: string): Promise<string> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.end(sent);
  return await text(connection);
}

const read = (door: RunningInstallHelper, name: string): Promise<string> => readFile(join(door.folder, name), "utf8");
const isIn = (door: RunningInstallHelper, name: string): boolean => existsSync(join(door.folder, name));
/** Resolves when the program has left this behind. */
async function left(door: RunningInstallHelper, name: string): Promise<void> {
  while (!isIn(door, name)) await new Promise((resolve) => setImmediate(resolve));
}

describe("root's door to the owner's installer", () => {
  it("runs the owner's program with the verb, a copy of the image, and nothing of the surroundings", async () => {
    const door = await startInstallHelper(`cat "$BOARDKEEPER_IMAGE_PATH" >"got-$1"; env >env; pwd; echo fine >&2`);
    const image = await stagedImage("the bytes");
    expect(await ask(door, "install", image)).toEqual({
      status: "0",
      timedOut: false,
      stdout: `${door.folder}\n`,
      stderr: "fine\n",
    });
    expect(await read(door, "got-install")).toBe("the bytes");
    const given = Object.fromEntries((await read(door, "env")).split("\n").map((line) => line.split(/=(.*)/)));
    expect(given).toMatchObject({
      BOARDKEEPER_IMAGE_PATH: join(door.own, `${image.sha256}.image`),
      BOARDKEEPER_VERSION: "2.0.0",
      BOARDKEEPER_SHA256: image.sha256,
      BOARDKEEPER_SIZE: "9",
      BOARDKEEPER_OPERATION_ID: "op-1",
    });
    expect(given).not.toHaveProperty("SECRET");
    expect(given).not.toHaveProperty("BOARDKEEPER_INSTALLER");
  });

  it("takes the image once for prepare and install, and throws its copy away after that", async () => {
    const door = await startInstallHelper(`cat "$BOARDKEEPER_IMAGE_PATH" >>got`);
    const image = await stagedImage("x".repeat(300_000));
    await ask(door, "prepare", image);
    await rm(image.path); // Asked for again, it could not be sent.
    await ask(door, "install", image);
    expect(await read(door, "got")).toHaveLength(600_000);
    expect(await readdir(door.own)).toEqual(["lock"]);
  });

  it("takes the image again where its copy was damaged since", async () => {
    const door = await startInstallHelper(`cat "$BOARDKEEPER_IMAGE_PATH" >got`);
    const image = await stagedImage("whole");
    await ask(door, "prepare", image);
    await rm(join(door.own, `${image.sha256}.image`));
    await writeFile(join(door.own, `${image.sha256}.image`), "whoLe");
    await ask(door, "install", image);
    expect(await read(door, "got")).toBe("whole");
  });

  it.each<InstallVerb>(["arm", "commit", "revert"])("names the image for %s, and takes no copy of it", async (verb) => {
    const door = await startInstallHelper("env >env");
    await ask(door, verb, { ...(await stagedImage()), path: "/nowhere" });
    expect(await read(door, "env")).toContain("BOARDKEEPER_VERSION=2.0.0\n");
    expect(await read(door, "env")).not.toContain("IMAGE_PATH");
  });

  it("throws away what an earlier request has left", async () => {
    const door = await startInstallHelper("echo 1.2.3");
    await ask(door, "prepare", await stagedImage());
    await writeFile(join(door.own, "image.new"), "half");
    await writeFile(join(door.own, "slot-a"), "the owner's");
    expect(await ask(door, "running-version")).toMatchObject({ status: "0", stdout: "1.2.3\n" });
    expect((await readdir(door.own)).toSorted()).toEqual(["lock", "slot-a"]);
  });

  it.each([
    ["exit 3", "3"],
    ["kill -9 $$", "signal 9"],
  ])("says how '%s' ended, and its last words", async (script, status) => {
    const door = await startInstallHelper(`yes out | head -c 100000; yes err | head -c 100000 >&2; ${script}`);
    const end = await ask(door, "prepare", await stagedImage());
    expect(end).toMatchObject({ status, timedOut: false });
    expect([end.stdout.length, end.stderr.length]).toEqual([4_096, 4_096]);
    expect(await readdir(door.own)).toEqual(["lock"]);
  });

  it("says why the program cannot be started", async () => {
    const door = await startInstallHelper();
    await writeFile(door.program, "#!/nowhere/interpreter\n");
    expect(await ask(door, "arm", await stagedImage())).toMatchObject({
      status: "126",
      stderr: "it cannot be started: No such file or directory",
    });
  });

  it("stops the program, with its children, at the time limit, and has its last words", async () => {
    const door = await startInstallHelper("sleep 600 & echo $! >child; echo slow; wait");
    expect(await ask(door, "install", await stagedImage(), { timeLimitMs: 2_000 })).toMatchObject({
      timedOut: true,
      stdout: "slow\n",
    });
    expect(existsSync(`/proc/${(await read(door, "child")).trim()}/exe`)).toBe(false);
  });

  it("tells the whole group of processes to end, and lets it", async () => {
    const door = await startInstallHelper(
      `trap : TERM
       sh -c 'trap "echo over >child; exit" TERM; touch started; sleep 600 & wait' &
       wait; wait; echo over`,
    );
    const agent = new AbortController();
    const arming = ask(door, "arm", await stagedImage(), { signal: agent.signal });
    await left(door, "started");
    agent.abort(new Error("stopped"));
    await expect(arming).rejects.toThrow("stopped");
    await door.closed();
    expect(await read(door, "child")).toBe("over\n");
  });

  it("stops the program when the agent hangs up, and lets the next one in when that has ended", async () => {
    const door = await startInstallHelper(
      `trap 'sleep 0.3; echo over >>story; exit' TERM
       echo "$1" >>story; [ "$1" = commit ] || { touch started; sleep 600 & wait; }`,
    );
    const agent = new AbortController();
    const image = await stagedImage();
    const installing = ask(door, "install", image, { signal: agent.signal });
    await left(door, "started");
    agent.abort(new Error("stopped"));
    await expect(installing).rejects.toThrow("stopped");
    await ask(door, "commit", image);
    expect(await read(door, "story")).toBe("install\nover\ncommit\n");
  });

  it("is done when the program has ended, whoever holds its pipes", async () => {
    const door = await startInstallHelper("setsid sleep 600 & echo $! >left; echo 1.2.3");
    onTestFinished(async () => void process.kill(Number(await read(door, "left")), "SIGKILL"));
    expect(await ask(door, "running-version")).toMatchObject({ status: "0", stdout: "1.2.3\n" });
  });

  it("runs nothing for somebody who has gone by the time that it is ready", async () => {
    const door = await startInstallHelper("touch ran");
    expect(await answerTo(door, "verb=running-version\nlimit=30\n\n")).toBe("ready\n");
    await door.closed();
    expect(isIn(door, "ran")).toBe(false);
  });

  it("refuses an image that is not the one asked for, runs nothing, and keeps nothing of it", async () => {
    const door = await startInstallHelper("touch ran");
    const image = await stagedImage("as it was checked");
    await writeFile(image.path, "as it was chanGed");
    await expect(ask(door, "install", image)).rejects.toMatchObject({ code: "image-changed" });
    await writeFile(image.path, "shrunk");
    await expect(ask(door, "install", image)).rejects.toMatchObject({ code: "image-changed" });
    await door.closed();
    expect(isIn(door, "ran")).toBe(false);
    expect(await readdir(door.own)).toEqual(["lock"]);
  });

  it("refuses an image for which there is no room", async () => {
    const door = await startInstallHelper("touch ran", { df: "echo Avail; echo 67108880" });
    await ask(door, "prepare", await stagedImage("x".repeat(16)));
    const large = ask(door, "prepare", await stagedImage("x".repeat(17)));
    await expect(large).rejects.toMatchObject({ code: "no-space", message: expect.stringContaining("needs 17 bytes") });
  });

  it.each<[string, (door: RunningInstallHelper) => Promise<unknown>, string]>([
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
    ["a program that is not there", ({ program }) => rm(program), "cannot be looked at (No such file"],
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
    const door = await startInstallHelper("touch ran");
    await change(door);
    const asking = ask(door, "install", await stagedImage());
    await expect(asking).rejects.toMatchObject({
      code: "installer-not-allowed",
      message: expect.stringContaining(why),
    });
    await door.closed();
    expect(isIn(door, "ran")).toBe(false);
    const check = spawnSync("systemd/libexec/install-helper", ["check"], {
      env: { BOARDKEEPER_INSTALLER: door.permission },
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
    ["a verb that is none", { verb: "rm" }, "does not know"],
    ["a verb with a line in it", { verb: "arm\nprogram=/bin/sh" }, "does not know"],
    ["a program to run", { program: "/bin/sh" }, "does not know"],
    ["a limit of nothing", { limit: "0" }, "does not know"],
    ["a limit beyond all patience", { limit: "100000" }, "does not know"],
    ["a digest that leads elsewhere", { sha256: `../${"a".repeat(61)}` }, "does not know"],
    ["a size that is none", { size: "1e9" }, "does not know"],
    ["a version with a command in it", { version: "$(touch ran)" }, "does not know"],
    ["an operation that is none", { operation: "a b" }, "does not know"],
    ["an image for running-version", { verb: "running-version" }, "one too many"],
    ["a line said twice", { limit: "30\nlimit=31" }, "does not know"],
    ["a line without end", { version: "a".repeat(300) }, "too long"],
  ])("refuses %s", async (_what, changes, why) => {
    const door = await startInstallHelper("touch ran");
    const lines = Object.entries({ ...good, ...changes }).map(([key, value]) => `${key}=${value}\n`);
    expect(await answerTo(door, `${lines.join("")}\nrun\n`)).toMatch(
      new RegExp(`^refused installer-failed .*${why}.*\n$`),
    );
    expect(isIn(door, "ran")).toBe(false);
  });

  it.each(Object.keys(good))("refuses a request without %s", async (key) => {
    const door = await startInstallHelper("touch ran");
    const lines = Object.entries(good).filter(([name]) => name !== key);
    const answer = await answerTo(door, `${lines.map(([name, value]) => `${name}=${value}\n`).join("")}\nrun\n`);
    expect(answer).toMatch(/^refused installer-failed .* lacks a line/);
    expect(isIn(door, "ran")).toBe(false);
  });
});

describe("the agent at the install door", () => {
  /** A door that does this with whoever comes. */
  async function mouth(speak: (connection: Socket) => void): Promise<{ socket: string }> {
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

  it("says what is missing on a board without a door", async () => {
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
    ["open sesame\n", "said what this agent does not know: open sesame"],
    ["refused unheard-of Because.\n", "said what this agent does not know"],
    ["ready\nended well\n", "said what this agent does not know: ended well"],
  ])("says so when the door says %j", async (words, expected) => {
    const asking = ask(await mouth((connection) => connection.resume().end(words)), "install", await stagedImage());
    await expect(asking).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringContaining(expected),
    });
  });

  it.each([1, 2])(
    "takes a refusal for what it is while it is still sending, to a door that reads no more",
    async (pieces) => {
      const image = await stagedImage("x".repeat(4_000_000));
      let heard = 0;
      const door = await mouth((connection) => {
        connection.write("send\n");
        connection.on("readable", () => {
          if ((heard += 1) === pieces) connection.write("refused no-space The disk is full.\n");
          if (heard < pieces) connection.read();
        });
      });
      const asking = ask(door, "install", image);
      await expect(asking).rejects.toMatchObject({ code: "no-space", message: "The disk is full." });
    },
  );

  it("asks for whole seconds, one at least", async () => {
    const limits: unknown[] = [];
    const door = await mouth((connection) => {
      connection.once("data", (request: Buffer) => {
        limits.push(/^limit=.*$/m.exec(String(request))?.[0]);
        connection.end("refused no-space No.\n");
      });
    });
    for (const timeLimitMs of [300, 1_001])
      await expect(ask(door, "running-version", undefined, { timeLimitMs })).rejects.toThrow("No.");
    expect(limits).toEqual(["limit=1", "limit=2"]);
  });

  it("waits for as long as the program may take, and no longer", async () => {
    const time = new FakeTime();
    const program = installViaHelper({ ...(await mouth((connection) => connection.write("ready\n"))), timer: time });
    const asking = program.run({ verb: "running-version", image: undefined, timeLimitMs: 30_000 });
    const end = asking.catch((cause: unknown) => cause);
    while (time.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    while ((await Promise.race([end, time.advance(10_000)])) === undefined);
    expect(await end).toMatchObject({ code: "installer-failed", message: expect.stringContaining("within 90 s") });
  });
});
