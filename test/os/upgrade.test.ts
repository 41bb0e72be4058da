import { describe, expect, it } from "vitest";
import { imageServer, servingParts, testImage } from "../support/image-server.ts";
import { at } from "../support/paths.ts";
import { installedMachine, provisionedBoard } from "./board.ts";
import { firstPackage, packageFor, systemNames } from "./layers.ts";
import { newerLine, newerPackage, olderPackage } from "./other-releases.ts";
import { allowUnsigned } from "./provision.ts";

/** Two slots in two files, and a board that starts what was armed before its last boot. */
const installer = `#!/bin/sh
set -eu
mkdir -p /var/lib/boardkeeper/slots
cd /var/lib/boardkeeper/slots
read -r boot </proc/sys/kernel/random/boot_id
case $1 in
  install) sha256sum <"$BOARDKEEPER_IMAGE_PATH" | grep -q "$BOARDKEEPER_SHA256" && echo "$BOARDKEEPER_VERSION" >new ;;
  arm) cp new trial && echo "$boot" >armed ;;
  running-version) if [ -e armed ] && [ "$(cat armed)" != "$boot" ]; then cat trial; else echo 1.0.0; fi ;;
esac
`;

describe.each(systemNames)("an upgrade of the package on %s", (system) => {
  it("keeps what was edited in agent.toml without a question, and brings the new settings beside it", async () => {
    const machine = await installedMachine(system);
    await machine.powerOn();
    await machine.shell(`printf '[agent]\nlog-level = "warn"\n' >>/etc/boardkeeper/agent.toml`);
    const edited = await machine.shell("cat /etc/boardkeeper/agent.toml");
    await machine.installPackage(await newerPackage(packageFor(system)));
    expect(await machine.shell("ls -A /etc/boardkeeper; cat /etc/boardkeeper/agent.toml")).toBe(
      `agent.toml\nagent.toml.d\ncredentials\n${edited}`,
    );
    expect(await machine.shell("cat /usr/share/doc/boardkeeper-agent/examples/agent.toml")).toContain(newerLine);
    expect(await machine.shell("dpkg-query -W -f '${db:Status-Status} ${Version}' boardkeeper-agent")).toBe(
      "installed 1:99.0-1",
    );
  });

  it("during a download goes on with it, and the update completes", async () => {
    const board = await provisionedBoard(system);
    const { machine, service } = board;
    const image = testImage(4_000_000);
    const never = new Promise<void>(() => undefined);
    const half = { etag: '"v1"', cutAfter: () => image.sizeBytes / 2, arrived: () => never };
    const server = await imageServer(servingParts(image, half));
    await machine.disk.write("/usr/local/lib/install-slot", installer, 0o755);
    await machine.disk.write("/etc/boardkeeper/image-ca.pem", server.ca);
    await allowUnsigned(machine.disk);
    await machine.disk.write(
      "/etc/boardkeeper/agent.toml.d/update.toml",
      `[update]\ninstaller = "command"\ncommand.program = "/usr/local/lib/install-slot"\nca-file = "/etc/boardkeeper/image-ca.pem"
healthy-for-seconds = 0\n`,
    );
    await machine.powerOn();
    await service.callMethod("firmwareUpdate", {
      fwPackageUri: `${server.origin}/board.img`,
      fwPackageCheckValue: image.sha256,
      fwVersion: "2.0.0",
    });
    // Not by what is reported: the next report of progress may be a minute away when the server falls silent.
    const part = `/var/lib/boardkeeper/staging/${image.sha256}.part`;
    await machine.shell(`until [ "$(stat -c %s ${part} 2>/dev/null || echo 0)" -gt 1000000 ]; do sleep 0.1; done`);
    const before = await machine.shell("systemctl show boardkeeper-agent -P MainPID");

    server.answer = servingParts(image, { etag: '"v1"' });
    await machine.installPackage(await newerPackage(packageFor(system)));
    const reported = await service.untilReported(
      "boardkeeper.update.phase",
      (phase) => phase === "completed" || phase === "failed",
    );
    expect(reported["boardkeeper"].update).toMatchObject({ phase: "completed", version: "2.0.0" });
    expect(reported["boardkeeper"].agent.bootId).toBe((await machine.booted(2)).bootId);
    expect(before).not.toBe("0\n");
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      expect.stringMatching(/^bytes=[1-9]\d*-$/) as string,
    ]);
  });

  it("taken back to the release before, the agent goes on with what the newer one has saved", async () => {
    const board = await provisionedBoard(system);
    const { machine, service } = board;
    const image = testImage(200_000);
    const server = await imageServer(servingParts(image, { etag: '"v1"' }));
    await machine.disk.write("/usr/local/lib/install-slot", installer, 0o755);
    await machine.disk.write("/etc/boardkeeper/image-ca.pem", server.ca);
    await allowUnsigned(machine.disk);
    await machine.disk.write(
      "/etc/boardkeeper/agent.toml.d/update.toml",
      `[update]\ninstaller = "command"\ncommand.program = "/usr/local/lib/install-slot"\nca-file = "/etc/boardkeeper/image-ca.pem"
healthy-for-seconds = 0\n`,
    );
    await machine.powerOn();
    await service.callMethod("rebootDevice", { operationId: "before-upgrade" });
    await machine.booted(2);
    await service.untilReported("boardkeeper.reboot.phase", "proven");
    await machine.installPackage(await newerPackage(packageFor(system)));
    await service.callMethod("firmwareUpdate", {
      fwPackageUri: `${server.origin}/board.img`,
      fwPackageCheckValue: image.sha256,
      fwVersion: "2.0.0",
      apply: "manual",
      operationId: "under-way",
    });
    await service.untilReported("boardkeeper.update.phase", "staged");

    await machine.installPackage(await olderPackage(firstPackage(system)));
    const { payload } = await service.callMethod("getStatus");
    expect(payload).toMatchObject({
      update: { phase: "staged", operationId: "under-way", version: "2.0.0" },
      reboot: { operationId: "before-upgrade", phase: "proven" },
    });
    // A former release knows nothing of trust; one that does says what the owner of this board allows.
    const unsigned = expect.stringContaining("Unsigned images are installed");
    expect([null, [unsigned]]).toContainEqual(at(payload, "agent.problems") ?? null);
    expect(await machine.shell("boardkeeper-agent history")).toContain("before-upgrade");
    await service.callMethod("applyFirmwareUpdate");
    const reported = await service.untilReported(
      "boardkeeper.update.phase",
      (phase) => phase === "completed" || phase === "failed",
    );
    expect(reported["boardkeeper"].update).toMatchObject({ phase: "completed", operationId: "under-way" });
    expect(server.requests).toHaveLength(1);
  });

  it("removed and installed again, the agent goes on where it was", async () => {
    const board = await provisionedBoard(system);
    const { machine, service } = board;
    const first = await machine.powerOn();
    await service.callMethod("rebootDevice", { operationId: "before-removal" });
    const second = await machine.booted(2);
    await service.untilReported("boardkeeper.reboot.phase", "proven");

    await machine.shell("apt-get remove -y boardkeeper-agent");
    expect(await machine.shell("ls /etc/boardkeeper/credentials /var/lib/boardkeeper")).toContain(
      "connection-string\n",
    );
    expect((await machine.run("systemctl", "is-active", "boardkeeper-agent")).stdout).toBe("inactive\n");
    await machine.installPackage(packageFor(system));
    const known = await service.callMethod("getStatus");
    expect(known.payload).toMatchObject({
      agent: { bootId: second.bootId },
      reboot: { operationId: "before-removal", phase: "proven" },
    });
    expect(second.bootId).not.toBe(first.bootId);
  });
});
