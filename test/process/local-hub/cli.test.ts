import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callHub, rawHttps } from "../../support/raw-https.ts";
import type { Reachable } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { ToolProcess, boardkeeper, endWithTest, hubProcess, reachable } from "../../support/tool-process.ts";

async function addDevice(hub: Reachable, deviceId: string): Promise<void> {
  const body = JSON.stringify({ deviceId });
  await callHub(hub, { method: "PUT", path: `/devices/${deviceId}?api-version=2021-04-12`, body });
}

interface Status {
  readonly running: boolean;
  readonly pid: number;
  readonly imageServer: { readonly running: boolean; readonly pid: number; readonly url: string };
  readonly devices: readonly object[];
}

async function statusOf(home: string): Promise<Status> {
  const status: Status = JSON.parse((await boardkeeper(home, "hub", "status", "-o", "json")).stdout);
  return status;
}

describe("boardkeeper hub start", () => {
  it("says how to reach the hub and what to type next, and stops cleanly with Ctrl-C", async () => {
    const home = await temporaryFolder();
    const hub = await hubProcess(home);
    const known = await reachable(home);
    expect(hub.stdout).toContain(known.serviceConnectionString());
    expect(hub.stdout).toContain(join(home, "hub", "ca.pem"));
    expect(hub.stdout).toContain("boardkeeper hub events --follow");
    hub.killGroup("SIGINT");
    expect(await hub.ended).toBe(0);
    expect(hub.stderr).toBe(
      "The hub is running. Stop it with Ctrl-C.\nThe hub has stopped. Its state is kept for the next start.\n",
    );
  });

  it("in the background returns when the hub is up; hub stop ends it", async () => {
    const home = await temporaryFolder();
    const started = await boardkeeper(home, "hub", "start", "--background");
    const { pid } = await statusOf(home);
    endWithTest(pid);
    expect(started).toMatchObject({
      status: 0,
      stdout: expect.stringContaining((await reachable(home)).serviceConnectionString()),
      stderr: expect.stringContaining(`(process ${pid}, log ${join(home, "hub", "hub.log")})`),
    });
    const stopped = await boardkeeper(home, "hub", "stop");
    expect(stopped).toEqual({ status: 0, stdout: "", stderr: `The hub (process ${pid}) has stopped.\n` });
    expect(await boardkeeper(home, "hub", "stop")).toMatchObject({
      status: 0,
      stderr: `No local hub is running in ${join(home, "hub")}.\n`,
    });
  });

  it.each([[["hub", "start"]], [["hub", "start", "--background"]]])("refuses a second hub: %j", async (args) => {
    const home = await temporaryFolder();
    const hub = await hubProcess(home);
    const second = await boardkeeper(home, ...args);
    expect(second).toMatchObject({ status: 1, stdout: "" });
    expect(second.stderr).toContain(`A local hub (process ${hub.pid}) is already running in ${join(home, "hub")}.`);
  });

  it("in the background says why the hub did not start", async () => {
    const home = await temporaryFolder();
    const file = join(home, "hub", "ports.json");
    await mkdir(join(home, "hub"));
    await writeFile(file, "oops");
    const { status, stdout, stderr } = await boardkeeper(home, "hub", "start", "--background");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^boardkeeper: The local hub cannot read \S+: it is not JSON\./);
    expect(stderr).toContain(file);
  });
});

describe("the folder of a hub", () => {
  it.each([[["hub", "start"]], [["hub", "start", "--background"]]])(
    "that cannot be made is named: %j",
    async (args) => {
      const { status, stdout, stderr } = await boardkeeper("/proc/x", ...args);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toMatch(
        /^boardkeeper: Cannot create the folder \/proc\/x\/hub: .*BOARDKEEPER_HOME or --folder\.\n$/,
      );
    },
  );

  it("goes with every hint, so that what is typed speaks to this hub", async () => {
    const [home, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
    const hub = new ToolProcess(home, ["hub", "start", "--folder", join(elsewhere, "hub")]);
    await hub.says("The hub is running.");
    expect(hub.stdout).toContain(`  BOARDKEEPER_HOME=${elsewhere} boardkeeper device add -d board-1\n`);
    const added = await boardkeeper(elsewhere, "device", "add", "-d", "board-1");
    expect(added.stdout).toContain((await reachable(elsewhere)).deviceConnectionString("board-1"));
    expect(added.stderr).toMatch(
      /^ {2}BOARDKEEPER_HOME=\S+ node (?:\S+|'.+)\/dist\/boardkeeper-agent\.mjs'? run --simulate -d board-1$/m,
    );
  });

  it("says where commands about boards would find it when they cannot", async () => {
    const [home, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
    const hub = new ToolProcess(home, ["hub", "start", "--folder", elsewhere]);
    await hub.says("The hub is running.");
    expect(hub.stdout).not.toContain("device add");
    expect(hub.stdout).toContain(`  boardkeeper hub start --folder ${join(elsewhere, "hub")}\n`);
  });
});

describe("boardkeeper hub status", () => {
  it("shows who is connected", async () => {
    const home = await temporaryFolder();
    await hubProcess(home);
    const hub = await reachable(home);
    await addDevice(hub, "board-1");
    await addDevice(hub, "board-2");
    await connectRaw(hub, { deviceId: "board-1" });
    const { status, stdout } = await boardkeeper(home, "hub", "status");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^running +yes$/m);
    expect(stdout).toMatch(/^board-1 +enabled +yes$/m);
    expect(stdout).toMatch(/^board-2 +enabled +no$/m);
  });

  it("is 3 when there is no hub and 7 when it does not run, and says how to start one", async () => {
    const home = await temporaryFolder();
    expect(await boardkeeper(home, "hub", "status")).toEqual({
      status: 3,
      stdout: "",
      stderr: `boardkeeper: No local hub was ever started in ${join(home, "hub")}.\n  Start one with: boardkeeper hub start\n`,
    });
    expect(await boardkeeper(home, "status", "-d", "board-1")).toMatchObject({ status: 3 });
    const hub = await hubProcess(home);
    hub.kill("SIGTERM");
    await hub.ended;
    const stopped = await boardkeeper(home, "hub", "status", "-o", "json");
    expect(stopped).toMatchObject({
      status: 7,
      stderr: "The hub is not running. Start it with: boardkeeper hub start\n",
    });
    expect(JSON.parse(stopped.stdout)).toMatchObject({ running: false, imageServer: { running: false }, devices: [] });
  });
});

describe("boardkeeper hub events", () => {
  it("shows telemetry, and follows it", async () => {
    const home = await temporaryFolder();
    const hub = await hubProcess(home);
    const known = await reachable(home);
    await addDevice(known, "board-1");
    await addDevice(known, "board-2");
    const board = await connectRaw(known, { deviceId: "board-1" });
    const other = await connectRaw(known, { deviceId: "board-2" });
    await board.client.publishAsync("devices/board-1/messages/events/alert=true", '{"temperature":21}', { qos: 1 });
    await other.client.publishAsync("devices/board-2/messages/events/", "hello", { qos: 1 });

    const all = await boardkeeper(home, "hub", "events");
    expect(all.status).toBe(0);
    expect(all.stdout).toMatch(/^\S+Z board-1 \{"temperature":21\} \{"alert":"true"\}\n\S+Z board-2 hello\n$/);

    const follower = new ToolProcess(home, ["hub", "events", "-d", "board-1", "--follow", "-o", "json"]);
    await follower.says("temperature");
    await other.client.publishAsync("devices/board-2/messages/events/", "not for it", { qos: 1 });
    await board.client.publishAsync("devices/board-1/messages/events/", "more", { qos: 1 });
    await follower.says("more");
    expect(follower.stdout).not.toContain("not for it");

    hub.kill("SIGTERM");
    expect(await follower.ended).toBe(7);
    expect(follower.stderr).toContain("The local hub does not answer");
  });
});

describe("the image server", () => {
  it("can be killed alone: the hub says so, status and publish too, and image serve brings it back", async () => {
    const home = await temporaryFolder();
    const hub = await hubProcess(home);
    const { ports, ca } = await reachable(home);
    const file = join(home, "firmware.img");
    await writeFile(file, "firmware");
    const { imageServer } = await statusOf(home);
    expect(imageServer).toMatchObject({ running: true, url: `https://localhost:${ports.images}/` });

    process.kill(imageServer.pid, "SIGKILL");
    await hub.says(`The image server (process ${imageServer.pid}) has ended: SIGKILL.`);
    await hub.says("Start it with: boardkeeper image serve");
    expect(await statusOf(home)).toMatchObject({ running: true, imageServer: { running: false } });
    const published = await boardkeeper(home, "image", "publish", file, "-o", "json");
    expect(published.status).toBe(0);
    expect(published.stderr).toContain("the image server is not running: no device can download it.");
    await addDevice(await reachable(home), "board-1");
    expect(await boardkeeper(home, "update", "-d", "board-1", "--file", file)).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^boardkeeper: The image is not published: the image server is not running/,
      ) as string,
    });

    const server = new ToolProcess(home, ["image", "serve"]);
    await server.says("Images are served at");
    const { url, size, sha256 }: { url: string; size: number; sha256: string } = JSON.parse(published.stdout);
    expect({ size, sha256 }).toEqual({
      size: 8,
      sha256: "c3bf47ea1f4a4a605470313cacb3a44f4a461f68c6faeab07e737610cb5ac835",
    });
    const { body } = await rawHttps(ports.images, ca, { method: "GET", path: new URL(url).pathname });
    expect(body).toBe("firmware");

    // The next hub brings its own.
    hub.kill("SIGTERM");
    await hub.ended;
    await hubProcess(home);
    expect(await server.ended).toBe(0);
    expect((await rawHttps(ports.images, ca, { method: "GET", path: new URL(url).pathname })).body).toBe("firmware");
  });

  it("prints what was published for people too", async () => {
    const home = await temporaryFolder();
    await hubProcess(home);
    const file = join(home, "firmware.img");
    await writeFile(file, "firmware");
    const { status, stdout, stderr } = await boardkeeper(home, "image", "publish", file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(
      /^url +https:\/\/localhost:\d+\/[0-9a-f]{16}\/firmware\.img\nsize +8\nsha256 +[0-9a-f]{64}\n$/,
    );
  });

  it.each([
    { file: "nowhere.img", why: "ENOENT" },
    { file: ".", why: "it is not a regular file" },
  ])("does not publish '$file'", async ({ file, why }) => {
    const home = await temporaryFolder();
    await hubProcess(home);
    const path = join(home, file);
    const { status, stdout, stderr } = await boardkeeper(home, "image", "publish", path);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(`${path} cannot be published: ${why}`);
  });
});

describe("a command line that makes no sense", () => {
  it.each([
    [["nonsense"]],
    [["hub"]],
    [["hub", "start", "--no-such-option"]],
    [["hub", "status", "-o", "xml"]],
    [["image", "publish"]],
    [["image", "serve", "--port", "70000"]],
  ])("%j is 2, with the reason on stderr", async (args) => {
    const { status, stdout, stderr } = await boardkeeper(await temporaryFolder(), ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).not.toBe("");
  });

  it("while help is 0, on stdout", async () => {
    const { status, stdout, stderr } = await boardkeeper(await temporaryFolder(), "hub", "start", "--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("--standard-ports");
  });
});
