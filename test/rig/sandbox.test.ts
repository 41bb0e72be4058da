import { describe, expect, it } from "vitest";
import { provisionedBoard } from "./board.ts";
import { systemNames } from "./layers.ts";

/** What somebody would try who has taken the agent over: shell commands that succeed where it is possible. */
const attempts = {
  "read the connection string where it lies": "cat /etc/boardkeeper/credentials/connection-string",
  "read the board's password hashes": "cat /etc/shadow",
  "change the agent's configuration": "echo >>/etc/boardkeeper/agent.toml",
  "change the agent's program": "echo >>/usr/lib/boardkeeper/boardkeeper-agent.mjs",
  "change what a door runs": "echo >>/usr/lib/boardkeeper/reboot-door",
  "forge a door's answer": "echo >/run/boardkeeper/answers/reboot",
  "look into what a door has taken": "ls /run/boardkeeper/taken",
  "put another folder in the place of the requests": "mv /run/boardkeeper/requests /run/boardkeeper/other",
  "see people's homes": "ls /root || ls /home/*",
  "see other users' processes": "ls /proc/1/status",
  "signal process 1": "kill -s USR1 1",
  "reboot through systemd": "systemctl reboot",
  "reboot through the kernel": "reboot -ff",
  "start a unit": "systemctl start systemd-timedated.service",
  "start the door itself": "systemctl start boardkeeper-reboot.service",
  "run a unit of its own": "systemd-run --quiet true",
  "set the clock": "date -s 2020-01-01",
  "set the host's name": "hostname mine",
  "change a setting of the kernel": "echo 0 >/proc/sys/kernel/sysrq",
  "make a control group": "mkdir /sys/fs/cgroup/mine",
  mount: "mount -t tmpfs none /mnt",
  "make a namespace": "unshare --user true",
  "become another user": "setpriv --reuid=0 true || setpriv --reuid=nobody true",
  "make a set-user-ID file": "cp /bin/true /var/lib/boardkeeper/tool && chmod u+s /var/lib/boardkeeper/tool",
  "read the kernel's log": "head -c 1 /dev/kmsg || dmesg",
  "see devices": "ls /dev/kmsg /dev/mem || ls /dev/loop-control",
  "run in real time": "chrt -f 1 true",
  "open a raw packet socket": "perl -e 'socket(my $s, 17, 3, 0) or exit 1'",
  "open a Bluetooth socket": "perl -e 'socket(my $s, 31, 3, 0) or exit 1'",
} as const;

/** What it needs. */
const needs = {
  "write its state": "echo >/var/lib/boardkeeper/probe",
  "read its credential": 'cat "$CREDENTIALS_DIRECTORY/connection-string"',
  "leave a request at a door": "touch /run/boardkeeper/requests/probe && rm /run/boardkeeper/requests/probe",
  "read a door's answer": "ls /run/boardkeeper/answers",
  "read the boot id": "cat /proc/sys/kernel/random/boot_id",
  "ask who holds an inhibitor":
    "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager ListInhibitors",
  "open network connections": "perl -e 'socket(my $s, 2, 1, 0) or exit 1'",
} as const;

/** Each must be there: an attempt that fails for want of its program proves nothing. */
const programs =
  "busctl cat chmod chrt cp date head hostname ls mkdir mount mv perl reboot setpriv systemctl systemd-run unshare";

describe.each(systemNames)("the sandbox of the agent on %s", (system) => {
  it("lets it do what it needs, and nothing of what somebody else would try", async () => {
    const { machine } = await provisionedBoard(system);
    await machine.powerOn();
    await machine.shell(`for program in ${programs}; do command -v $program; done`);
    await machine.powerOff();
    const tries = Object.entries({ ...needs, ...attempts });
    const script = tries.map(
      ([what, command]) => `( ${command} ) >/dev/null 2>&1 && echo "can: ${what}" || echo "cannot: ${what}"`,
    );
    await machine.disk.write(
      "/usr/lib/boardkeeper/probe",
      ["#!/bin/bash", ...script, "echo over", ""].join("\n"),
      0o755,
    );
    const first = await machine.powerOn();
    // The unit as it is shipped, but for what it runs.
    await machine.shell(
      `sed -e 's|^ExecStart=.*|ExecStart=/usr/lib/boardkeeper/probe|; s|^Type=.*|Type=oneshot|; /^WatchdogSec=/d; /^Restart/d' \\
         /usr/lib/systemd/system/boardkeeper-agent.service >/etc/systemd/system/boardkeeper-probe.service
       systemctl stop boardkeeper-agent && systemctl daemon-reload && systemctl start boardkeeper-probe`,
    );
    await machine.logged("boardkeeper-probe", /^over$/);
    const said = (await machine.shell("journalctl -b -o cat -u boardkeeper-probe")).split("\n");
    expect(said.filter((line) => line.startsWith("can: "))).toEqual(Object.keys(needs).map((what) => `can: ${what}`));
    expect(said.filter((line) => line.startsWith("cannot: "))).toEqual(
      Object.keys(attempts).map((what) => `cannot: ${what}`),
    );
    expect(machine.boots.at(-1)).toBe(first);
  });

  it("leaves each unit an exposure of at most 1.5", async () => {
    const { machine } = await provisionedBoard(system);
    await machine.powerOn();
    const units = (await machine.shell("cd /usr/lib/systemd/system && ls boardkeeper-*.service")).trim().split("\n");
    expect(units).toContain("boardkeeper-reboot.service");
    for (const unit of units) {
      const said = await machine.shell(`systemd-analyze security --no-pager ${unit}`);
      const [, exposure = "none"] = /Overall exposure level for \S+: ([\d.]+)/.exec(said) ?? [];
      process.stderr.write(`rig: ${system}: exposure of ${unit}: ${exposure}\n`);
      expect(Number(exposure)).toBeLessThanOrEqual(1.5);
    }
  });

  it("hands the agent what it was given, and its log to the journal, line by line with its priority", async () => {
    const { machine, service } = await provisionedBoard(system);
    const { bootId } = await machine.powerOn();
    await service.until("boardkeeper.agent.bootId", bootId);
    const show = "systemctl show boardkeeper-agent";
    expect(await machine.shell(`${show} -P Type -P NotifyAccess -P StatusText`)).toMatch(
      /^notify\nmain\nConnected to localhost:\d+ as board-1\. Nothing to do\.\n$/,
    );
    expect(await machine.shell("stat -c '%a %U' /var/lib/boardkeeper")).toBe("700 boardkeeper\n");
    const entry = await machine.shell("journalctl -b -o json -u boardkeeper-agent -g 'agent started' -n 1");
    expect(JSON.parse(entry)).toMatchObject({ PRIORITY: "6", SYSLOG_IDENTIFIER: "boardkeeper-agent" });
    expect(JSON.parse((JSON.parse(entry) as { MESSAGE: string }).MESSAGE)).toMatchObject({ level: "info" });
  });
});
