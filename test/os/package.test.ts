import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { testHub } from "../support/local-hub.ts";
import { ServiceApp } from "../support/service-app.ts";
import { bareMachine, installedMachine } from "./board.ts";
import { packageFor, systemNames } from "./layers.ts";
import type { Machine } from "./machine.ts";

/**
 * Every file with its type, mode, owner and group, but for what apt, dpkg and the running system write for themselves, and
 * the copies that passwd's tools keep of the time before their last change.
 */
const everything = `find / \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \\
  -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \\) -prune \\
  -o -regex '/etc/\\(passwd\\|shadow\\|group\\|gshadow\\|subuid\\|subgid\\)-' -o -printf '%M %u:%g %p\\n' | sort`;

describe.each(systemNames)("the package on %s", (system) => {
  it("waits quietly where there is no connection string", async () => {
    const machine = await installedMachine(system);
    await machine.powerOn();
    const { stdout } = await machine.run(
      "systemctl",
      "show",
      "boardkeeper-agent",
      "-P",
      "ActiveState",
      "-P",
      "ConditionResult",
    );
    expect(stdout).toBe("inactive\nno\n");
    expect((await machine.run("systemctl", "is-enabled", "boardkeeper-agent")).stdout).toBe("enabled\n");
    expect((await machine.run("systemctl", "is-system-running")).stdout).toBe("running\n");
  });

  it("leaves nothing behind when it is purged while it runs", async () => {
    const machine = await bareMachine(system);
    await machine.powerOn();
    const users = "cat /etc/passwd /etc/group /etc/shadow";
    const before = [await machine.shell(everything), await machine.shell(users)];
    await machine.installPackage(packageFor(system));
    await startAgent(machine);
    expect(await machine.shell(everything)).toContain("drwx------ boardkeeper:boardkeeper /var/lib/boardkeeper\n");
    await machine.shell("usermod -aG boardkeeper root && touch /etc/boardkeeper/credentials/encrypted");
    await machine.shell("apt-get purge -y boardkeeper-agent");
    expect([await machine.shell(everything), await machine.shell(users)]).toEqual(before);
  });

  // systemd refuses a link for its StateDirectory=, but an agent that has ended may be left with one.
  it.each([
    {
      what: "a mount",
      before: "mkdir -m 700 $state; mount -t tmpfs none $state; chown boardkeeper: $state",
      after: "",
    },
    {
      what: "a link",
      before: "",
      after: "systemctl stop boardkeeper-agent; mv $state /srv; ln -s /srv/boardkeeper $state",
    },
  ])(
    "empties a state folder that is $what, and takes the secret away, when it is purged",
    async ({ before, after }) => {
      const machine = await installedMachine(system);
      await machine.powerOn();
      await machine.shell(`state=/var/lib/boardkeeper; ${before}`);
      await startAgent(machine);
      await machine.shell(`state=/var/lib/boardkeeper; ${after}`);
      expect(await machine.shell("ls /var/lib/boardkeeper/")).toContain("state.json");
      await machine.shell("apt-get purge -y boardkeeper-agent");
      expect(await machine.shell("ls -A /var/lib/boardkeeper/; ! ls -d /etc/boardkeeper 2>&1")).toBe(
        "ls: cannot access '/etc/boardkeeper': No such file or directory\n",
      );
      expect((await machine.run("dpkg-query", "-W", "boardkeeper-agent")).status).toBe(1);
    },
  );
});

/** As an operator does: provision, and the agent reports itself to its hub. */
async function startAgent(machine: Machine): Promise<void> {
  const hub = await testHub();
  await machine.write("/tmp/secret", await hub.addDevice("board-1"), "600");
  await machine.write("/tmp/ca.pem", await readFile(hub.caFile));
  await machine.shell("boardkeeper-agent provision --ca-file /tmp/ca.pem </tmp/secret");
  await new ServiceApp(hub).untilReported("boardkeeper.agent.mode", "systemd");
}
