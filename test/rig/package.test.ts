import { describe, expect, it } from "vitest";
import { bareMachine, installedMachine } from "./board.ts";
import { packageFor, systemNames } from "./layers.ts";

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

  it("leaves nothing behind when it is purged", async () => {
    const machine = await bareMachine(system);
    await machine.powerOn();
    const users = "cat /etc/passwd /etc/group /etc/shadow";
    const before = [await machine.shell(everything), await machine.shell(users)];
    await machine.installPackage(packageFor(system));
    await machine.write("/etc/boardkeeper/credentials/connection-string", "a secret", "600");
    await machine.shell(
      "install -d -o boardkeeper -m 700 /var/lib/boardkeeper && touch /var/lib/boardkeeper/state.json",
    );
    expect(await machine.shell(everything)).toContain("drwx------ boardkeeper:root /var/lib/boardkeeper\n");
    await machine.shell("apt-get purge -y boardkeeper-agent");
    expect([await machine.shell(everything), await machine.shell(users)]).toEqual(before);
  });
});
