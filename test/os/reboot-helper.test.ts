import { describe, expect, it } from "vitest";
import { bareMachine, provisionedBoard, type Board } from "./board.ts";
import { packageFor, systemNames } from "./layers.ts";

/** Holds an inhibitor, as apt does while it configures packages. */
const holdInhibitor =
  "systemd-run --quiet --unit=busy systemd-inhibit --what=shutdown --mode=block --who=apt --why='upgrading packages' sleep infinity; until systemd-inhibit --list --no-legend | grep -q apt; do :; done";

/** Writes a request as the agent does, as its user, and waits for the answer. */
async function ring({ machine }: Board, changes: Record<string, string>): Promise<string> {
  const uptime = Number.parseInt(await machine.shell("cat /proc/uptime"), 10);
  const good = { request: "1", boot: machine.boot.bootId, until: String(uptime + 30), force: "yes" };
  const lines = Object.entries({ ...good, ...changes }).map(([key, value]) => `${key}=${value}`);
  const request = "/run/boardkeeper/requests/reboot";
  await machine.shell(
    `rm -f /run/boardkeeper/answers/reboot; printf '%s\\n' ${lines.join(" ")} >/tmp/request; chmod 644 /tmp/request
     setpriv --reuid=boardkeeper --clear-groups --regid=boardkeeper sh -c 'cp /tmp/request ${request}.new && mv ${request}.new ${request}'
     until [ -e /run/boardkeeper/answers/reboot ]; do :; done`,
  );
  return await machine.shell("cat /run/boardkeeper/answers/reboot");
}

/** Takes each request and says that systemd has the order, which it never gets. */
const idleHelper = `#!/bin/sh
cd /run/boardkeeper
mv -fT requests/reboot taken/reboot
printf '%s\\nverdict=ordered\\nwhy=Taken.\\n' "$(grep ^request= taken/reboot)" >answers/reboot.new
mv answers/reboot.new answers/reboot
`;

const errorCode = async (board: Board): Promise<unknown> =>
  (await board.service.reported("boardkeeper.reboot.error.code")) ?? null;

describe.each(systemNames)("the reboot helper on %s", (system) => {
  it("stays shut while an inhibitor is held, says who holds it, and opens by force", async () => {
    const board = await provisionedBoard(system);
    const first = await board.machine.powerOn();
    await board.service.untilReported("boardkeeper.agent.bootId", first.bootId);
    await board.machine.shell(holdInhibitor);
    const refused = await board.service.callMethod("rebootDevice", {});
    expect(refused.status).toBe(409);
    expect(JSON.stringify(refused.payload)).toContain("apt (upgrading packages)");
    expect(await ring(board, { force: "no" })).toMatch(/^request=1\nverdict=inhibited\n/);
    expect(board.machine.boots).toHaveLength(1);
    expect((await board.service.callMethod("rebootDevice", { force: true })).status).toBe(200);
    const second = await board.machine.booted(2);
    await board.service.untilReported("boardkeeper.agent.bootId", second.bootId);
    const reported = await board.service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"].reboot).toMatchObject({ phase: "proven", cause: "requested" });
  });

  it("opens for no request of another boot, out of time, or that it does not understand", async () => {
    const board = await provisionedBoard(system);
    const first = await board.machine.powerOn();
    expect(await ring(board, { boot: "11111111-1111-4111-8111-111111111111" })).toContain("of another boot");
    expect(await ring(board, { until: "1" })).toContain("has expired");
    expect(await ring(board, { force: "perhaps" })).toContain("whether to force");
    // More often than systemd's usual limit of five starts in ten seconds.
    for (let time = 1; time <= 8; time += 1) expect(await ring(board, { until: "1" })).toContain("has expired");
    expect(await board.machine.shell("systemctl is-active boardkeeper-reboot.path")).toBe("active\n");
    expect(await board.machine.shell("cat /proc/sys/kernel/random/boot_id")).toBe(`${first.bootId}\n`);
    expect(board.machine.boots).toHaveLength(1);
  });

  it("refuses a folder that nobody could empty, and opens for the next request", async () => {
    const board = await provisionedBoard(system);
    const first = await board.machine.powerOn();
    await board.service.untilReported("boardkeeper.agent.bootId", first.bootId);
    for (const mode of ["0777", "0700"]) {
      await board.machine.shell(
        `rm -f /run/boardkeeper/answers/reboot
         setpriv --reuid=boardkeeper --clear-groups --regid=boardkeeper sh -c '
           cd /run/boardkeeper/requests; mkdir -p folder/within/deeper; chmod 0500 folder/within
           chmod ${mode} folder; mv -T folder reboot'
         until [ -e /run/boardkeeper/answers/reboot ]; do :; done`,
      );
      expect(await board.machine.shell("cat /run/boardkeeper/answers/reboot")).toContain("is not a file");
    }
    expect((await board.service.callMethod("rebootDevice", {})).status).toBe(200);
    const second = await board.machine.booted(2);
    await board.service.untilReported("boardkeeper.agent.bootId", second.bootId);
  });

  it.each([false, true])("opens while logind hangs (force: %s)", async (force) => {
    const board = await provisionedBoard(system);
    const first = await board.machine.powerOn();
    await board.service.untilReported("boardkeeper.agent.bootId", first.bootId);
    await board.machine.shell("systemctl start systemd-logind && systemctl kill -s STOP systemd-logind");
    expect((await board.service.callMethod("rebootDevice", { force })).status).toBe(200);
    const second = await board.machine.booted(2);
    await board.service.untilReported("boardkeeper.agent.bootId", second.bootId);
    const reported = await board.service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"].reboot).toMatchObject({ phase: "proven", cause: "requested" });
  });

  it("that fails: the message of systemd is reported, and no reboot", async () => {
    const board = await provisionedBoard(system);
    await board.machine.disk.write("/etc/boardkeeper/agent.toml.d/reboot.toml", "[reboot]\ndeadline-seconds = 10\n");
    const first = await board.machine.powerOn();
    await board.service.untilReported("boardkeeper.agent.bootId", first.bootId);
    await board.machine.shell("systemctl mask --runtime --now reboot.target");
    expect((await board.service.callMethod("rebootDevice", {})).status).toBe(200);
    const reported = await board.service.untilReported("boardkeeper.reboot.phase", "failed");
    expect(reported["boardkeeper"].reboot.error).toMatchObject({ code: "reboot-never-came", during: "rebooting" });
    expect(reported["rebootTime"] ?? null).toBeNull();
    // And it opens again for the next one.
    await board.machine.shell("systemctl unmask --runtime reboot.target");
    expect((await board.service.callMethod("rebootDevice", {})).status).toBe(200);
    const second = await board.machine.booted(2);
    await board.service.untilReported("boardkeeper.agent.bootId", second.bootId);
    await board.service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(await errorCode(board)).toBeNull();
  });

  it("that says yes, after which nothing happens: that is reported, and the next request reboots", async () => {
    const board = await provisionedBoard(system);
    await board.machine.disk.write("/etc/boardkeeper/agent.toml.d/reboot.toml", "[reboot]\ndeadline-seconds = 10\n");
    const first = await board.machine.powerOn();
    await board.service.untilReported("boardkeeper.agent.bootId", first.bootId);
    await board.machine.write("/etc/boardkeeper/idle-helper", idleHelper, "755");
    const dropIn = "/run/systemd/system/boardkeeper-reboot.service.d/idle.conf";
    await board.machine.write(dropIn, "[Service]\nExecStart=\nExecStart=/etc/boardkeeper/idle-helper\n");
    await board.machine.shell("systemctl daemon-reload");
    expect((await board.service.callMethod("rebootDevice", {})).status).toBe(200);
    const reported = await board.service.untilReported("boardkeeper.reboot.phase", "failed");
    expect(reported["boardkeeper"].reboot.error).toMatchObject({
      code: "reboot-never-came",
      message: expect.stringContaining("The reboot was started, but 10 s later the board still runs."),
    });
    expect(board.machine.boots).toHaveLength(1);
    await board.machine.shell(`rm ${dropIn} && systemctl daemon-reload`);
    expect((await board.service.callMethod("rebootDevice", {})).status).toBe(200);
    const second = await board.machine.booted(2);
    await board.service.untilReported("boardkeeper.agent.bootId", second.bootId);
    await board.service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(await errorCode(board)).toBeNull();
  });
});

it.each(systemNames)(
  "the reboot helper on %s can write nothing but requests, answers and scratch files",
  async (system) => {
    const { machine } = await provisionedBoard(system);
    await machine.powerOn();
    const folders = "/etc /usr /var/lib /srv /boot /run /run/lock /run/systemd/system /run/boardkeeper/answers /tmp";
    await machine.write(
      "/usr/lib/try",
      `#!/bin/sh\nfor folder in ${folders}; do touch $folder/mine && echo "can $folder"; done\n`,
      "755",
    );
    await machine.shell(
      `sed 's|^ExecStart=.*|ExecStart=/usr/lib/try|' /usr/lib/systemd/system/boardkeeper-reboot.service >/run/systemd/system/try.service
     systemctl daemon-reload; systemctl start try || true`,
    );
    expect(await machine.shell("journalctl -b -o cat -t boardkeeper-reboot -g '^can '")).toBe(
      "can /run/boardkeeper/answers\ncan /tmp\n",
    );
  },
);

it.each(systemNames)(
  "the reboot helper is ready as soon as the package is installed on %s, for the agent's user alone",
  async (system) => {
    const machine = await bareMachine(system);
    await machine.powerOn();
    await machine.installPackage(packageFor(system));
    const folders = "/run/boardkeeper /run/boardkeeper/requests /run/boardkeeper/taken /run/boardkeeper/answers";
    expect(await machine.shell(`stat -c '%a %U:%G' ${folders}; systemctl is-active boardkeeper-reboot.path`)).toBe(
      "755 root:root\n770 boardkeeper:root\n700 root:root\n755 root:root\nactive\n",
    );
  },
);
