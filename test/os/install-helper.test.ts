import { describe, expect, it } from "vitest";
import { imageServer, serving, testImage, type ImageServer, type TestImage } from "../support/image-server.ts";
import { provisionedBoard, type Board } from "./board.ts";
import { systemNames, type SystemName } from "./layers.ts";
import { allowUnsigned } from "./provision.ts";

const program = "/usr/local/lib/install-slot";
const permission = "/etc/boardkeeper/installer";
const socket = "/run/boardkeeper/install.sock";

/** Two slots in files of root's, and a boot loader that tries in the next boot what was armed in this one. */
const slots = (install = "") => `#!/bin/sh
set -eu
cd /srv/slots
read -r boot </proc/sys/kernel/random/boot_id
echo "$(id -u) $1" >>calls
case $1 in
  install)
    ${install}
    cp "$BOARDKEEPER_IMAGE_PATH" b.new && mv b.new b && echo "$BOARDKEEPER_VERSION" >b.version ;;
  arm) cp b.version trial && echo "$boot" >armed ;;
  running-version) if [ -e armed ] && [ "$(cat armed)" != "$boot" ]; then cat trial; else cat default; fi ;;
  commit) cp trial default && rm -f armed trial ;;
  revert) rm -f armed trial ;;
esac
`;

/** A board whose owner lets root run this program, with room for its slots; it is off. */
async function boardWithSlots(system: SystemName, script = slots()): Promise<Board> {
  const board = await provisionedBoard(system);
  const { disk } = board.machine;
  await disk.write("/srv/slots/default", "1.0.0\n");
  await disk.write(program, script, 0o755);
  await disk.write(permission, `${program}\n`);
  await allowUnsigned(disk);
  await disk.write(
    "/etc/systemd/system/boardkeeper-install@.service.d/slots.conf",
    "[Service]\nReadWritePaths=/srv/slots\n",
  );
  await disk.write(
    "/etc/boardkeeper/agent.toml.d/update.toml",
    '[update]\ninstaller = "command"\ncommand.as-root = true\nhealthy-for-seconds = 0\nallow-http = true\n',
  );
  return board;
}

const hasEnded = (phase: unknown): boolean => ["completed", "failed", "rolledBack"].includes(String(phase));

async function update(
  { service }: Board,
  { origin }: ImageServer,
  image: TestImage,
  version: string,
): Promise<unknown> {
  const request = { fwPackageUri: `${origin}/board.img`, fwPackageCheckValue: image.sha256, fwVersion: version };
  expect((await service.callMethod("firmwareUpdate", { ...request, operationId: version })).status).toBe(200);
  await service.untilReported("boardkeeper.update.operationId", version);
  return (await service.untilReported("boardkeeper.update.phase", hasEnded))["boardkeeper"].update;
}

/** Sends this to the helper as a user of the board, and nothing more; resolves with the helper's answer. */
async function say({ machine }: Board, user: string, words: string): Promise<string> {
  // Whoever has said "run" stays on until the program has ended.
  const client = `socket(my $s, 1, 1, 0); connect($s, sockaddr_un("${socket}")) or die "no: $!"; syswrite $s, $ARGV[0];
    shutdown $s, 1 unless $ARGV[0] =~ /run$/; print while <$s>`;
  const as = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"] as const;
  const { stdout, stderr } = await machine.run(...as, "perl", "-MSocket", "-e", client, words);
  return stdout + stderr;
}

const askVersion = "verb=running-version\nlimit=30\n\n";

/** What an installer may want to do as root: shell commands that succeed where it is possible. */
const wishes = {
  "write beside its copy": "touch /var/lib/boardkeeper-install/mine",
  "read the boot id": "cat /proc/sys/kernel/random/boot_id",
  "ask another service over D-Bus":
    "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager CanReboot",
  "have systemd run something": "systemctl start systemd-tmpfiles-clean.service || systemd-run --wait true",
  "write to /etc": "touch /etc/mine",
  "write to /usr": "touch /usr/mine",
  "write to /var": "touch /var/lib/mine",
  "write to /run": "touch /run/mine || touch /run/systemd/system/mine || touch /run/boardkeeper/mine",
  "change the agent's state": "touch /var/lib/boardkeeper/mine || cat /var/lib/boardkeeper/state.json",
  "change the helper": "echo >>/usr/lib/boardkeeper/install-door || echo >/etc/boardkeeper/installer",
  "read the connection string where the agent keeps it": "cat /var/lib/boardkeeper/config.last-good.json",
  "see people's homes": "ls /root || ls /home/*",
  "see devices": "ls /dev/kmsg /dev/mem || ls /dev/loop-control",
  mount: "mount -t tmpfs none /srv/slots",
  "give a file to another user":
    "touch /var/lib/boardkeeper-install/given && chown daemon /var/lib/boardkeeper-install/given",
  "make a set-user-ID file":
    "cp /bin/true /var/lib/boardkeeper-install/tool && chmod u+s /var/lib/boardkeeper-install/tool",
  "become another user": "setpriv --reuid=daemon true",
  "open network connections": "perl -e 'socket(my $s, 2, 1, 0) or exit 1'",
  "make a namespace": "unshare --user true",
  "set the clock": "date -s 2020-01-01",
  "reboot through the kernel": "reboot -ff",
  "change a setting of the kernel": "echo 0 >/proc/sys/kernel/sysrq",
} as const;
const wishing = `#!/bin/bash\n: >/var/lib/boardkeeper-install/can\n${Object.entries(wishes)
  .map(([what, command]) => `( ${command} ) >/dev/null 2>&1 && echo "${what}" >>/var/lib/boardkeeper-install/can`)
  .join("\n")}\necho 1.0.0\n`;

describe.each(systemNames)("root's install helper on %s", (system) => {
  it("installs an update as root, from root's own copy of the image, and it is proven", async () => {
    const board = await boardWithSlots(system);
    const { machine, cli, deviceId, service } = board;
    const first = await machine.powerOn();
    await service.untilReported("boardkeeper.agent.bootId", first.bootId);
    const image = testImage();
    const { origin } = await imageServer(serving(image), { tls: false });
    const what = ["--uri", `${origin}/board.img`, "--sha256", image.sha256, "--version", "2.0.0"];
    const { status, stdout } = await cli("update", "-d", deviceId, ...what, "--wait");
    expect(stdout).toContain("runs 2.0.0, proven healthy after the update.");
    expect(status).toBe(0);
    expect((await machine.booted(2)).bootId).not.toBe(first.bootId);
    expect(await machine.shell("cd /srv/slots; sha256sum <b; stat -c %U b; cat default")).toBe(
      `${image.sha256}  -\nroot\n2.0.0\n`,
    );
    const calls = (await machine.shell("cat /srv/slots/calls")).trim().split("\n");
    expect(calls.filter((call) => !call.endsWith("running-version"))).toEqual(
      ["prepare", "install", "arm", "commit"].map((verb) => `0 ${verb}`),
    );
    expect(await machine.shell("cd /var/lib/boardkeeper-install; stat -c '%a %U' .; ls -A")).toBe(
      "700 root\nlock\nnode-options\n",
    );
    expect((await machine.run("boardkeeper-agent", "doctor")).stdout).toMatch(
      /^ok +installer +\/usr\/local\/lib\/install-slot, run by root's install helper$/m,
    );
    // What purging takes away is ours; what the owner has written is not.
    await machine.shell("apt-get purge -y boardkeeper-agent");
    expect(await machine.shell(`ls ${permission}; ! ls -d /var/lib/boardkeeper-install 2>&1`)).toBe(
      `${permission}\nls: cannot access '/var/lib/boardkeeper-install': No such file or directory\n`,
    );
  });

  it("runs nothing that the owner has not allowed in a file of root's, or that others could change", async () => {
    const board = await boardWithSlots(system);
    const { machine, service } = board;
    const { bootId } = await machine.powerOn();
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    const image = testImage();
    const server = await imageServer(serving(image), { tls: false });
    const refusals = [
      [`rm ${permission}`, "allows root to run no installer"],
      [`echo ${program} >${permission}; chmod 757 ${program}`, "others than root may write to"],
      [`chmod 755 ${program}; chown boardkeeper ${program}`, "does not belong to root"],
      [`chown root ${program}; chown boardkeeper /usr/local/lib`, "/usr/local/lib does not belong to root"],
      [`chown root /usr/local/lib; echo /srv/slots/mine >${permission}; ln -s ${program} /srv/slots/mine`, "is a link"],
    ] as const;
    for (const [index, [change, why]] of refusals.entries()) {
      await machine.shell(`rm -f /srv/slots/calls; ${change}`);
      expect(await update(board, server, image, `2.0.${index}`)).toMatchObject({
        phase: "failed",
        error: { code: "installer-not-allowed", message: expect.stringContaining(why) },
      });
      expect((await machine.run("boardkeeper-agent", "doctor")).stdout).toMatch(
        new RegExp(`^FAULT +installer +.*${why}`, "m"),
      );
      expect(await machine.shell("ls /srv/slots")).not.toContain("calls");
    }
  });

  it("is for the agent's user alone, trusts none of its words, and is not worn out", async () => {
    const board = await boardWithSlots(system);
    const { machine, service } = board;
    const { bootId } = await machine.powerOn();
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    const image = testImage(100_000);
    const lines = [
      "verb=install",
      "limit=30",
      `sha256=${image.sha256}`,
      "size=4",
      "version=2",
      "operation=1",
      "",
      "",
    ].join("\n");
    expect(await say(board, "daemon", lines)).toContain("Permission denied");
    expect(await say(board, "boardkeeper", `${lines}evil`)).toMatch(/^send\nrefused image-changed /);
    expect(await say(board, "boardkeeper", `program=/bin/sh\n${lines}`)).toContain("refused installer-failed");
    // A request that nobody stands behind any more is not granted.
    expect(await say(board, "boardkeeper", askVersion)).toBe("ready\n");
    // The agent's own question when it started, and nothing else.
    expect(await machine.shell("cat /srv/slots/calls")).toBe("0 running-version\n");
    const flood = `use Socket; for (1..400) { socket(my $s, 1, 1, 0); connect($s, sockaddr_un("${socket}")) or die "no: $!" }`;
    await machine.shell(`setpriv --reuid=boardkeeper --regid=boardkeeper --clear-groups perl -e '${flood}'`);
    expect(await machine.shell("systemctl is-active boardkeeper-install.socket")).toBe("active\n");
    // What was still waiting to be let in comes first: more than four at a time are sent away.
    while ((await say(board, "boardkeeper", askVersion)) !== "ready\n");
  });

  it("lets the owner's program do hardly anything as root, and what a drop-in opens", async () => {
    const board = await boardWithSlots(system, wishing);
    const { machine } = board;
    await machine.powerOn();
    const can = async (): Promise<string[]> => {
      expect(await say(board, "boardkeeper", `${askVersion}run\n`)).toBe("ready\nended 0 6 0\n1.0.0\n");
      return (await machine.shell("cat /var/lib/boardkeeper-install/can")).trim().split("\n");
    };
    const asShipped = ["write beside its copy", "read the boot id"];
    expect(await can()).toEqual(asShipped);
    const opened =
      "[Service]\nCapabilityBoundingSet=CAP_SYS_ADMIN CAP_CHOWN\nSystemCallFilter=@mount @chown\nRestrictSUIDSGID=no\n";
    await machine.write("/run/systemd/system/boardkeeper-install@.service.d/more.conf", opened);
    await machine.shell("systemctl daemon-reload");
    expect(await can()).toEqual([...asShipped, "mount", "give a file to another user", "make a set-user-ID file"]);
    await machine.write(
      "/run/systemd/system/boardkeeper-install@.service.d/more.conf",
      "[Service]\nInaccessiblePaths=\nInaccessiblePaths=-/run/systemd/private\n",
    );
    await machine.shell("systemctl daemon-reload");
    // A bus undoes the sandbox.
    expect(await can()).toEqual([...asShipped, "ask another service over D-Bus", "have systemd run something"]);
  });

  it("ends the program of an agent that is killed, with all that it has started, and begins anew", async () => {
    const hanging = "[ -e begun ] || { trap '' TERM; setsid sleep 600 & touch begun; while :; do sleep 600; done; }";
    const board = await boardWithSlots(system, slots(hanging));
    const { machine, service } = board;
    const { bootId } = await machine.powerOn();
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    const image = testImage();
    const server = await imageServer(serving(image), { tls: false });
    const ending = update(board, server, image, "2.0.0");
    await machine.shell("until [ -e /srv/slots/begun ] && pidof sleep; do :; done");
    await machine.shell("systemctl kill -s KILL boardkeeper-agent; while pidof sleep; do :; done");
    expect(await ending).toMatchObject({ phase: "completed", version: "2.0.0" });
    expect(machine.boots).toHaveLength(2);
    const calls = await machine.shell("grep -v running-version /srv/slots/calls");
    expect(calls.trim().split("\n")).toEqual(
      ["prepare", "install", "prepare", "install", "arm", "commit"].map((verb) => `0 ${verb}`),
    );
  });
});
