import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { testHub } from "../support/local-hub.ts";
import { ServiceApp } from "../support/service-app.ts";
import { TufRepository } from "../support/tuf-repository.ts";
import { installedMachine } from "./board.ts";
import { systemNames } from "./layers.ts";

const asNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";

describe.each(systemNames)("whom a board of %s trusts", (system) => {
  it("is what its owner says, as root, and everybody may see", async () => {
    const publisher = new TufRepository({ boards: { "acme,gateway": ["1.0.0"] }, now: new Date() });
    const machine = await installedMachine(system);
    await machine.powerOn();
    await machine.write("/root/root.json", Buffer.from(publisher.file("1.root.json")));
    await machine.write("/etc/boardkeeper/board.conf", "board.compatible = acme,gateway\n");

    const silent = await machine.run("boardkeeper-agent", "trust", "add", "/root/root.json");
    expect(silent).toMatchObject({ status: 1, stdout: "" });
    expect(silent.stderr).toContain("Nobody can be asked here");
    const [, fingerprint = ""] = /^Fingerprint {2}(\w{64})$/m.exec(silent.stderr) ?? [];
    expect(await machine.shell("ls -A /var/lib/boardkeeper-trust")).toBe("");

    // With an umask of root's that would hide the store from the agent's user.
    const add = `boardkeeper-agent trust add - --fingerprint ${fingerprint} 2>&1 </root/root.json`;
    expect(await machine.shell(`umask 077; ${add}`)).toContain("Images for these boards are for it: acme,gateway\n");
    expect(
      await machine.shell(
        "stat -c '%a %U %n' /etc/boardkeeper/root.json /var/lib/boardkeeper-trust /var/lib/boardkeeper-trust/*",
      ),
    ).toBe(`644 root /etc/boardkeeper/root.json
755 root /var/lib/boardkeeper-trust
644 root /var/lib/boardkeeper-trust/metadata.json
644 root /var/lib/boardkeeper-trust/record.copy.json
644 root /var/lib/boardkeeper-trust/record.json
644 root /var/lib/boardkeeper-trust/root.json
`);
    const shown = await machine.shell(`${asNobody} boardkeeper-agent trust show`);
    expect(shown).toContain(`Fingerprint  ${fingerprint}\n`);
    expect(shown).toContain("Board names  acme,gateway (board.conf)\n");
    const stranger = await machine.run("sh", "-c", `cat /root/root.json | ${asNobody} ${add.replace(/ <.*/, "")}`);
    expect(stranger.status).toBe(1);
    expect(stranger.stdout).toContain("Run this as root, with sudo.");

    // A store that is lost is made anew from the seed; a file that others may write to counts for nothing.
    await machine.shell("rm /var/lib/boardkeeper-trust/*");
    expect(await machine.shell("boardkeeper-agent trust show")).toContain(
      "The trust root was taken from /etc/boardkeeper/root.json",
    );
    await machine.shell("chmod 666 /etc/boardkeeper/board.conf");
    expect(await machine.shell("boardkeeper-agent trust show")).toContain(
      "others than root may write to /etc/boardkeeper/board.conf",
    );
    await machine.shell("chmod 644 /etc/boardkeeper/board.conf; apt-get purge -y boardkeeper-agent");
    expect(await machine.shell("ls /etc/boardkeeper; ! ls -d /var/lib/boardkeeper-trust 2>/dev/null")).toBe(
      "board.conf\nroot.json\n",
    );
  });

  it("comes with the connection string, and is in the twin", async () => {
    const hub = await testHub();
    const machine = await installedMachine(system);
    await machine.powerOn();
    await machine.write("/tmp/secret", await hub.addDevice("board-1"), "600");
    await machine.write("/tmp/ca.pem", await readFile(hub.caFile));
    await machine.write("/tmp/root.json", Buffer.from(new TufRepository({ now: new Date() }).file("1.root.json")));
    const provisioned = await machine.shell(
      "boardkeeper-agent provision --ca-file /tmp/ca.pem --trust /tmp/root.json --yes 2>&1 </tmp/secret",
    );
    expect(provisioned).toContain("This board now trusts this root");
    const service = new ServiceApp(hub);
    await service.untilReported("boardkeeper.agent.mode", "systemd");
    expect(await service.reported("boardkeeper.trust")).toMatchObject({ rootVersion: 1, unsignedAllowed: false });
    const doctor = await machine.run("boardkeeper-agent", "doctor");
    expect(doctor.stdout).toMatch(/^ok +trust root +version 1, expires /m);
    expect(doctor.stdout).toMatch(/^ok +metadata +none yet/m);
  });
});
