import { describe, expect, it } from "vitest";
import { provisionedBoard } from "./board.ts";
import { systemNames } from "./layers.ts";

/** What somebody would try who has taken the agent over: shell commands that succeed where it is possible. */
interface Attempt {
  readonly command: string;
  /** The lines of the unit without which it would succeed; none where no user but root may do it, sandbox or not. */
  readonly lines: readonly string[];
}

const attempts: Readonly<Record<string, Attempt>> = {
  ...deniedAnyway({
    "read the connection string where it lies": "cat /etc/boardkeeper/credentials/connection-string",
    "read the board's password hashes": "cat /etc/shadow",
    "change the agent's configuration": "echo >>/etc/boardkeeper/agent.toml",
    "change the agent's program": "echo >>/usr/lib/boardkeeper/boardkeeper-agent.mjs",
    "change the helpers' programs": "echo >>/usr/lib/boardkeeper/reboot-door",
    "forge a helper's answer": "echo >/run/boardkeeper/answers/reboot",
    "read what a helper has taken": "ls /run/boardkeeper/taken",
    "put another folder in the place of the requests": "mv /run/boardkeeper/requests /run/boardkeeper/other",
    "signal process 1": "kill -s USR1 1",
    "reboot through systemd": "systemctl reboot",
    "reboot through the kernel": "reboot -ff",
    "start a unit": "systemctl start systemd-timedated.service",
    "start a helper's unit": "systemctl start boardkeeper-reboot.service",
    "run a unit of its own": "systemd-run --quiet true",
    "set the clock": "date -s 2020-01-01",
    "set the host's name": "hostname mine",
    "change a setting of the kernel": "echo 0 >/proc/sys/kernel/sysrq",
    "make a control group": "mkdir /sys/fs/cgroup/mine",
    mount: "mount -t tmpfs none /mnt",
    "become another user": "setpriv --reuid=0 true || setpriv --reuid=nobody true",
    "read the kernel's log": "head -c 1 /dev/kmsg || dmesg",
    "run in real time": "chrt -f 1 true",
    "open a raw packet socket": "perl -e 'socket(my $s, 17, 3, 0) or exit 1'",
  }),
  "read what lies open in people's homes": { command: "cat /home/somebody/notes", lines: ["ProtectHome"] },
  "see other users' processes": { command: "cat /proc/1/status", lines: ["ProtectProc"] },
  "look into a process of its own user outside": {
    command: "cat /proc/$(pidof -s sleep)/environ",
    lines: ["PrivateUsers"],
  },
  "read another service's temporary files": { command: "cat /tmp/of-another-service", lines: ["PrivateTmp"] },
  "write where everybody may": { command: "echo >/opt/shared/file", lines: ["ProtectSystem"] },
  "leave a lock where everybody may": { command: "echo >/run/lock/probe", lines: ["ReadOnlyPaths"] },
  "use a device that everybody may": { command: "head -c 1 /dev/for-all", lines: ["PrivateDevices", "DevicePolicy"] },
  "become root by a set-user-ID program": {
    command: '[ "$(/usr/local/bin/id-of-root -u)" = 0 ]',
    // systemd.exec(5): each of these implies NoNewPrivileges= for a service that is not root.
    lines: [
      "NoNewPrivileges",
      "PrivateUsers",
      "PrivateDevices",
      "Protect(Clock|Hostname|Kernel[A-Z][a-z]+)",
      "Restrict[A-Za-z]+",
      "LockPersonality",
      "SystemCall[A-Za-z]+",
    ],
  },
  "make a set-user-ID file": {
    command: "cp /bin/true /var/lib/boardkeeper/tool && chmod u+s /var/lib/boardkeeper/tool",
    lines: ["RestrictSUIDSGID"],
  },
  "make a namespace": { command: "unshare --user true", lines: ["RestrictNamespaces"] },
  "switch off the random layout of memory": {
    command: "setarch --addr-no-randomize true",
    lines: ["LockPersonality"],
  },
  // ptrace(2) of amd64, which the rig is: PTRACE_TRACEME.
  "have itself traced": {
    command: "perl -e 'syscall(101, 0, 0, 0, 0) == 0 or exit 1'",
    lines: ["SystemCallFilter"],
  },
  "open a socket to a hypervisor": {
    command: "perl -e 'socket(my $s, 40, 1, 0) or exit 1'",
    lines: ["RestrictAddressFamilies"],
  },
};

/** What no user but root may do on a board. */
function deniedAnyway(commands: Readonly<Record<string, string>>): typeof attempts {
  return Object.fromEntries(Object.entries(commands).map(([what, command]) => [what, { command, lines: [] }]));
}

/** What there is for these attempts on the board: each would be possible for any user. */
const bait = `mkdir -p /home/somebody && echo >/home/somebody/notes && chmod -R a+rX /home/somebody
mkdir -m 1777 /opt/shared
echo >/tmp/of-another-service && chmod a+r /tmp/of-another-service
mknod -m 666 /dev/for-all c 1 5
cp /usr/bin/id /usr/local/bin/id-of-root && chmod 4755 /usr/local/bin/id-of-root
systemd-run --quiet --uid=boardkeeper sleep infinity`;

/** What the sandbox leaves open to it although it does not need it, and docs/security.md says so. */
const leftOpen = {
  "write into the memory that all programs share": "echo >/dev/shm/probe && rm /dev/shm/probe",
} as const;

/** What it needs. */
const needs = {
  "write its state": "echo >/var/lib/boardkeeper/probe",
  "read its credential": 'cat "$CREDENTIALS_DIRECTORY/connection-string"',
  "write a request to a helper": "touch /run/boardkeeper/requests/probe && rm /run/boardkeeper/requests/probe",
  "read a helper's answer": "ls /run/boardkeeper/answers",
  "read the boot id": "cat /proc/sys/kernel/random/boot_id",
  "ask who holds an inhibitor":
    "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager ListInhibitors",
  "open network connections": "perl -e 'socket(my $s, 2, 1, 0) or exit 1'",
} as const;

/** Each must be there: an attempt that fails for want of its program proves nothing. */
const programs =
  "busctl cat chmod chrt cp date head hostname ls mkdir mount mv perl pidof reboot setarch setpriv systemctl systemd-run unshare";

function mapped<T>(record: Readonly<Record<string, T>>, map: (value: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

describe.each(systemNames)("the sandbox of the agent on %s", (system) => {
  it("lets it do what it needs and nothing else, where any other service of its user could do more", async () => {
    const { machine } = await provisionedBoard(system);
    const commands = { ...needs, ...leftOpen, ...mapped(attempts, ({ command }) => command) };
    const lines = Object.entries(commands).map(
      ([what, command]) => `( ${command} ) >/dev/null 2>&1 && echo "can: ${what}" || echo "cannot: ${what}"`,
    );
    const probe = "/usr/lib/boardkeeper/probe";
    await machine.disk.write(probe, ["#!/bin/bash", ...lines, "echo over", ""].join("\n"), 0o755);
    const first = await machine.powerOn();
    await machine.shell(`for program in ${programs}; do command -v $program; done`);
    await machine.shell(`systemctl stop boardkeeper-agent\n${bait}`);
    const shipped = await machine.shell("cat /usr/lib/systemd/system/boardkeeper-agent.service");
    const unit = shipped
      .replace(/^ExecStart=.*/m, `ExecStart=${probe}`)
      .replace(/^Type=.*/m, "Type=oneshot")
      .replaceAll(/^(WatchdogSec|Restart\w*)=.*\n/gm, "");
    const outcomeIn = async (name: string, text: string): Promise<Record<string, string>> => {
      await machine.write(`/etc/systemd/system/${name}.service`, text);
      await machine.shell(`systemctl daemon-reload && systemctl start ${name}`);
      await machine.logged(name, /^over$/);
      const said = (await machine.shell(`journalctl -b -o cat -u ${name}`)).matchAll(/^(can|cannot): (.*)$/gm);
      return Object.fromEntries([...said].map(([, can = "", what = ""]) => [what, can]));
    };

    const open = mapped({ ...needs, ...leftOpen }, () => "can");
    expect(await outcomeIn("boardkeeper-probe", unit)).toEqual({ ...open, ...mapped(attempts, () => "cannot") });
    const plain = unit
      .split("\n")
      .filter((line) => /^(\[Service\]|(Type|User|ExecStart|StateDirectory(Mode)?|(Load|Set)Credential)=)/.test(line));
    expect(await outcomeIn("plain-probe", plain.join("\n"))).toEqual({
      ...open,
      ...mapped(attempts, ({ lines: shut }) => (shut.length === 0 ? "cannot" : "can")),
    });
    for (const [index, [what, { lines: shut }]] of Object.entries(attempts).entries()) {
      if (shut.length === 0) continue;
      const opened = unit.replaceAll(new RegExp(`^(${shut.join("|")})=.*\\n`, "gm"), "");
      expect(await outcomeIn(`boardkeeper-opened-${index}`, opened)).toMatchObject({ [what]: "can" });
    }
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
    await service.untilReported("boardkeeper.agent.bootId", bootId);
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
