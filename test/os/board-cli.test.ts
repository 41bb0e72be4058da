import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { installedMachine, provisionedBoard } from "./board.ts";
import { systemNames } from "./layers.ts";
import { allowUnsigned } from "./provision.ts";
import { imageServer, serving, testImage } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { ServiceApp } from "../support/service-app.ts";

describe.each(systemNames)("commands on a board of %s", (system) => {
  it("provision makes a board of a machine, and status, doctor and logs show it", async () => {
    const hub = await testHub();
    const machine = await installedMachine(system);
    await machine.powerOn();
    await machine.write("/tmp/secret", await hub.addDevice("board-1"), "600");
    await machine.write("/tmp/ca.pem", await readFile(hub.caFile));
    // With an umask of root's that would hide everything from the agent's user.
    await machine.shell("umask 077; boardkeeper-agent provision --ca-file /tmp/ca.pem </tmp/secret");
    const modes = await machine.shell(
      "cd /etc/boardkeeper; stat -c '%a %U %n' . credentials credentials/connection-string hub-ca.pem agent.toml.d/10-provisioned.toml",
    );
    expect(modes).toBe(
      "755 root .\n700 root credentials\n600 root credentials/connection-string\n644 root hub-ca.pem\n644 root agent.toml.d/10-provisioned.toml\n",
    );
    await new ServiceApp(hub).untilReported("boardkeeper.agent.mode", "systemd");

    const status = await machine.run("boardkeeper-agent", "status");
    expect(status.stdout).toMatch(/^Agent +running .*^State +\/var\/lib\/boardkeeper$.*^Hub +connected for /ms);
    expect(await machine.shell("boardkeeper-agent logs --level info")).toMatch(/ info {3}link {7}connected to the hub/);

    const doctor = await machine.run("boardkeeper-agent", "doctor");
    expect(doctor.stderr).toBe("");
    expect(doctor.stdout).toMatch(/No fault found/);
    expect(doctor.stdout).toMatch(/^ok +state folder +\/var\/lib\/boardkeeper, writable by boardkeeper$/m);
    expect(doctor.stdout).toMatch(/^ok +reboot /m);
    expect(doctor.status).toBe(0);

    // Others on the board are told to become root, and nothing else.
    const stranger = await machine.run(
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      "boardkeeper-agent",
      "status",
    );
    expect(stranger).toMatchObject({ status: 1, stdout: "" });
    expect(stranger.stderr).toContain("sudo");
  });

  it("doctor finds that the agent may not reboot the board, or write its state, although root may", async () => {
    const { machine, service } = await provisionedBoard(system);
    await machine.powerOn();
    await service.untilReported("boardkeeper.agent.mode", "systemd");
    await machine.shell(
      `systemctl stop boardkeeper-reboot.path
       systemctl stop boardkeeper-agent
       chown -R root:root /var/lib/boardkeeper`,
    );
    const doctor = await machine.run("boardkeeper-agent", "doctor");
    expect(doctor.stdout).toMatch(/^FAULT +reboot .*\n +→ /m);
    expect(doctor.stdout).toMatch(
      /^FAULT +state folder +boardkeeper may not write in \/var\/lib\/boardkeeper\n +→ chown -R boardkeeper/m,
    );
    expect(doctor.stdout).toMatch(/^ok +login +the hub accepts this board's credentials$/m);
    expect(doctor.status).toBe(1);
  });

  it("a staging folder that was moved is shut to the service, and doctor says with what to open it", async () => {
    const { machine, service } = await provisionedBoard(system);
    const image = testImage();
    const server = await imageServer(serving(image));
    const [moved, update] = ["/srv/images", "/etc/boardkeeper/agent.toml.d/update.toml"];
    await machine.disk.write("/etc/boardkeeper/image-ca.pem", server.ca);
    await allowUnsigned(machine.disk);
    await machine.disk.write("/usr/local/lib/install", "#!/bin/sh\n", 0o755);
    await machine.disk.write(
      update,
      `[update]\nstaging-dir = "${moved}"\ninstaller = "command"\ncommand.program = "/usr/local/lib/install"\nca-file = "/etc/boardkeeper/image-ca.pem"\n`,
    );
    await machine.powerOn();
    await machine.shell(`install -d -o boardkeeper -g boardkeeper -m 700 ${moved}`);
    const request = {
      fwPackageUri: `${server.origin}/board.img`,
      fwPackageCheckValue: image.sha256,
      fwVersion: "2.0.0",
      apply: "manual",
    };
    await service.callMethod("firmwareUpdate", request);
    await service.untilReported("boardkeeper.update.phase", "failed");
    expect(await service.reported("boardkeeper.update.error")).toMatchObject({
      code: "disk-error",
      message: expect.stringMatching(/EROFS.*ReadWritePaths=/) as string,
    });

    const doctor = await machine.run("boardkeeper-agent", "doctor");
    expect(doctor.stdout).toMatch(
      /^ok +last good configuration .*config\.last-good\.json, readable by boardkeeper alone$/m,
    );
    const [, commands = ""] = /^FAULT +staging folder .*\n +→ Open it: (.*)$/m.exec(doctor.stdout) ?? [];
    await machine.shell(commands);
    await service.callMethod("firmwareUpdate", { ...request, operationId: "opened" });
    await service.untilReported("boardkeeper.update.phase", "staged");
    expect(await machine.shell(`ls ${moved}`)).toBe(`${image.sha256}.image\n`);
    expect((await machine.run("boardkeeper-agent", "doctor")).stdout).toMatch(/^ok +staging folder /m);
  });
});
