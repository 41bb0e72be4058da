import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { agentCommand, agentForAllUsers } from "../support/agent-command.ts";
import { testHub } from "../support/local-hub.ts";
import { asStranger, needs, withOwnMounts } from "../support/needs.ts";
import { boardProcess } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/* Each fault is made for real, some of them in a mount namespace of their own. */

interface Setup {
  readonly hub: LocalHub;
  readonly folder: string;
  readonly stateDir: string;
  /** Of a board that lacks nothing. */
  readonly env: Record<string, string>;
}

async function setup(): Promise<Setup> {
  const hub = await testHub();
  const folder = await temporaryFolder();
  const stateDir = join(folder, "state");
  await mkdir(stateDir);
  await chmod(folder, 0o755);
  const env = {
    IOTHUB_DEVICE_CONNECTION_STRING: await hub.addDevice("board-1"),
    BOARDKEEPER_HUB_CA_FILE: hub.caFile,
    BOARDKEEPER_HUB_WEBSOCKET_PORT: String(hub.ports.https),
    BOARDKEEPER_AGENT_STATE_DIR: stateDir,
    BOARDKEEPER_REBOOT_COMMAND: "/bin/true",
  };
  return { hub, folder, stateDir, env };
}

interface Examined {
  readonly status: number | null;
  /** By what was checked. */
  readonly found: Readonly<Record<string, Finding>>;
  readonly faults: readonly string[];
}

async function examine(
  env: Record<string, string>,
  before: readonly string[] = [],
  agent?: readonly string[],
): Promise<Examined> {
  const { status, out, err } = await agentCommand(["doctor", "--json"], { env, before, agent });
  if (!out.startsWith("{")) throw new Error(`doctor said: ${out}${err}`);
  const { findings }: { findings: Finding[] } = JSON.parse(out);
  const found = Object.fromEntries(findings.map((one) => [one.check, one]));
  return { status, found, faults: findings.filter(({ level }) => level === "fault").map(({ check }) => check) };
}

/** Runs what follows with a file system prepared by a script, which nobody else sees. */
function inside(script: string): readonly string[] {
  return [...withOwnMounts, "sh", "-c", `set -e; ${script}; exec "$@"`, "sh"];
}

function expectFault({ status, found, faults }: Examined, check: string, what: RegExp, advice: RegExp): void {
  expect(faults).toContain(check);
  expect(found[check]?.what).toMatch(what);
  expect(found[check]?.advice).toMatch(advice);
  expect(status).toBe(1);
}

it("finds no fault in a board that lacks nothing, and leaves nothing behind", async () => {
  const { env, stateDir } = await setup();
  const { status, found, faults } = await examine(env);
  const { uid } = userInfo();
  const self = uid === 0 ? "root" : `the user ${uid}`;
  expect(faults).toEqual([]);
  expect(status).toBe(0);
  expect(found["login"]).toMatchObject({ level: "ok", what: "the hub accepts this board's credentials" });
  expect(found["hub tier"]).toMatchObject({ level: "ok" });
  expect(found["tls"]).toMatchObject({ level: "ok" });
  expect(found["state folder"]).toMatchObject({ level: "ok", what: `${stateDir}, writable by ${self}` });
});

it("does not take the connection away from the agent that runs", async () => {
  const hub = await testHub();
  const board = await boardProcess(hub);
  const agent = board.start();
  await agent.line({ msg: "connected to the hub" });
  const { found } = await examine({
    IOTHUB_DEVICE_CONNECTION_STRING: hub.deviceConnectionString("board-1"),
    BOARDKEEPER_HUB_CA_FILE: hub.caFile,
    BOARDKEEPER_AGENT_STATE_DIR: join(board.folder, "state"),
  });
  expect(found["login"]?.what).toBe("the running agent is connected to the hub");
  expect(found["service"]).toMatchObject({ level: "ok" });
  expect(agent.lines.filter(({ msg }) => msg === "connected to the hub")).toHaveLength(1);
});

it("says of an agent that is refused since when, and that the key on disk works", async () => {
  const hub = await testHub();
  const board = await boardProcess(hub);
  const good = hub.deviceConnectionString("board-1");
  const wrong = good.replace(/Key=.*/, "Key=d3Jvbmc=");
  const agent = board.start({ IOTHUB_DEVICE_CONNECTION_STRING: wrong });
  await agent.line({ msg: "not connected to the hub" });
  const stateDir = join(board.folder, "state");
  const onDisk = { BOARDKEEPER_HUB_CA_FILE: hub.caFile, BOARDKEEPER_AGENT_STATE_DIR: stateDir };
  const examined = await examine({ ...onDisk, IOTHUB_DEVICE_CONNECTION_STRING: good });
  expectFault(
    examined,
    "hub link",
    /not connected for \d+ seconds?; last: connect: /,
    /accepts a login.*It tries again/,
  );
  expectFault(examined, "credentials in use", /another connection string than IOTHUB_DEVICE/, /systemctl restart/);
  const { out } = await agentCommand(["status", "--state-dir", stateDir]);
  expect(out).toMatch(/^Hub +not connected for \d+ seconds?\. The hub refuses .* Last: connect: .* Next attempt in /m);
});

describe("finds, and says what to do about", () => {
  it("a wrong clock, as the program sees it", async () => {
    const { env, folder } = await setup();
    const preload = join(folder, "last-week.mjs");
    await writeFile(preload, "const real = Date.now; Date.now = () => real() - 100 * 3_600_000;");
    const examined = await examine({ ...env, NODE_OPTIONS: `--import ${preload}` });
    expectFault(examined, "clock", /4 days behind the hub's/, /timedatectl set-ntp true/);
    expectFault(examined, "login", /because the board.s clock is wrong/, /Set the clock/);
  });

  it("a wrong clock, as the whole system sees it", needs("faketime"), async () => {
    const { env } = await setup();
    const examined = await examine({ ...env, FAKETIME_DONT_FAKE_MONOTONIC: "1" }, ["faketime", "-f", "-700d"]);
    expectFault(examined, "clock", /700 days behind the hub's/, /timedatectl set-ntp true/);
    expectFault(examined, "tls", /is not valid yet/, /clock is wrong: set it/);
  });

  it("no DNS", needs("mounts"), async () => {
    const { env, folder } = await setup();
    // A name server that is not there: nobody listens on port 53 of that address.
    const conf = join(folder, "resolv.conf");
    await writeFile(conf, "nameserver 127.255.255.254\noptions timeout:1 attempts:1\n");
    const cloud = "HostName=my-hub.azure-devices.net;DeviceId=d;SharedAccessKey=YQ==";
    const before = inside(`mount --bind ${conf} /etc/resolv.conf`);
    const examined = await examine({ ...env, IOTHUB_DEVICE_CONNECTION_STRING: cloud }, before);
    expectFault(examined, "dns", /my-hub\.azure-devices\.net cannot be resolved \(EAI_AGAIN\)/, /resolv\.conf/);
    expect(examined.found["login"]?.level).toBe("unknown");
  });

  it("a blocked port, and the other one that is open", async () => {
    const { env, hub } = await setup();
    hub.faults.add("refuse", {}, { on: ["mqtt"] });
    const check = `port ${hub.ports.mqtt}`;
    expectFault(await examine(env), check, /is refused/, /set hub\.transport = "mqtt-ws", since port \d+ is open/);
  });

  it("an unknown CA", async () => {
    const { env } = await setup();
    const { BOARDKEEPER_HUB_CA_FILE: _known, ...without } = env;
    expectFault(await examine(without), "tls", /authority that is not known here/, /hub\.ca-file/);
  });

  it("the certificate of another server", async () => {
    const { env, hub } = await setup();
    hub.faults.add("certificate", { flaw: "other-name" });
    expectFault(await examine(env), "tls", /localhost shows is for another host name/, /captive portal/);
  });

  it("a wrong key", async () => {
    const { env } = await setup();
    const wrong = (env["IOTHUB_DEVICE_CONNECTION_STRING"] ?? "").replace(/Key=.*/, "Key=d3Jvbmc=");
    const examined = await examine({ ...env, IOTHUB_DEVICE_CONNECTION_STRING: wrong });
    expectFault(examined, "login", /refuses this board's credentials: wrong key/, /boardkeeper-agent provision/);
    expect(examined.faults).toEqual(["login"]);
  });

  it("a key that others can read", async () => {
    const { env, folder } = await setup();
    const file = join(folder, "secret");
    const { IOTHUB_DEVICE_CONNECTION_STRING: secret = "", ...others } = env;
    await writeFile(file, secret);
    await chmod(file, 0o644);
    const examined = await examine({ ...others, BOARDKEEPER_HUB_CONNECTION_STRING_FILE: file });
    expectFault(examined, "credentials", /other users .* can read .*secret \(mode 644\)/, /chmod 600 .*new key/);
    expect(examined.faults).toEqual(["credentials"]);
  });

  it("no connection string", async () => {
    const { env } = await setup();
    const { IOTHUB_DEVICE_CONNECTION_STRING: _secret, ...others } = env;
    expectFault(await examine(others), "credentials", /there is none/, /boardkeeper-agent provision/);
  });

  it("a full disk", needs("mounts"), async () => {
    const { env, stateDir } = await setup();
    const fill = `dd if=/dev/zero of=${stateDir}/filler bs=4k 2>/dev/null || true`;
    const examined = await examine(env, inside(`mount -t tmpfs -o size=1m tmpfs ${stateDir}; ${fill}`));
    expectFault(examined, "disk", /is full: 0 B free/, /journalctl --vacuum-size/);
    expectFault(examined, "state folder", /nothing can be written/, /Free some space/);
  });

  it("a read-only state folder", needs("mounts"), async () => {
    const { env, stateDir } = await setup();
    const examined = await examine(env, inside(`mount -t tmpfs -o ro tmpfs ${stateDir}`));
    expectFault(examined, "state folder", /mounted read-only/, /dmesg.*remount,rw/);
  });

  it("a state folder of another user's", needs("another user"), async () => {
    const { env, stateDir } = await setup();
    await chmod(stateDir, 0o755);
    const examined = await examine(env, asStranger, await agentForAllUsers());
    expectFault(examined, "state folder", /the user 65534 may not write/, /chown/);
  });

  it("a link in the place of the last good configuration, by which root would give away another file", async () => {
    const { env, stateDir } = await setup();
    await symlink("/etc/shadow", join(stateDir, "config.last-good.json"));
    expectFault(await examine(env), "last good configuration", /is a link, or has another name too/, /^rm /);
  });

  it("no permission to reboot", needs("mounts", "another user"), async () => {
    const { env } = await setup();
    const emptyRun =
      "mount -t tmpfs tmpfs /run; mkdir -p /run/boardkeeper/requests; chmod 755 /run/boardkeeper/requests";
    const before = [...inside(emptyRun), ...asStranger];
    const examined = await examine({ ...env, BOARDKEEPER_REBOOT_COMMAND: "" }, before, await agentForAllUsers());
    expectFault(examined, "reboot", /cannot ask for a reboot.*EACCES/, /systemd-tmpfiles --create/);
  });

  it("a reboot command that is not there", async () => {
    const { env } = await setup();
    const examined = await examine({ ...env, BOARDKEEPER_REBOOT_COMMAND: "/nonexistent/reboot" });
    expectFault(examined, "reboot", /cannot run \/nonexistent\/reboot \(ENOENT\)/, /reboot\.command/);
  });

  it("an installer that cannot be run", async () => {
    const { env, folder } = await setup();
    const program = join(folder, "installer");
    await writeFile(program, "#!/bin/sh\n", { mode: 0o644 });
    const command = { BOARDKEEPER_UPDATE_INSTALLER: "command", BOARDKEEPER_UPDATE_COMMAND_PROGRAM: program };
    expectFault(await examine({ ...env, ...command }), "installer", /cannot run .*EACCES/, /chmod 755/);
  });

  it("an installer that root must run, without an install helper", async () => {
    const { env } = await setup();
    const command = { BOARDKEEPER_UPDATE_INSTALLER: "command", BOARDKEEPER_UPDATE_COMMAND_AS_ROOT: "true" };
    expectFault(
      await examine({ ...env, ...command }),
      "installer",
      /install-door gives no answer .*ENOENT/,
      /Install the/,
    );
  });

  it("a hub that ends the connection where a twin is asked for, as the Basic tier does", async () => {
    const { env, hub } = await setup();
    hub.faults.add("closed-after-connack");
    expectFault(await examine(env), "hub tier", /tier is Basic/, /Standard/);
  });
});
