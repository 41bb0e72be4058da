import { describe, expect, it } from "vitest";
import { ServiceApp } from "../support/service-app.ts";
import { bareMachine, provisionedBoard } from "./board.ts";
import { packageFor, systemNames } from "./layers.ts";
import type { Machine } from "./machine.ts";
import { packageWithoutUnit } from "./other-releases.ts";
import { watched } from "./provision.ts";

const file = "/etc/boardkeeper/credentials/connection-string";
const refused = /not connected to the hub/;

/** Does something to the file while the path unit watches it, and waits for what its service says. */
async function change(machine: Machine, script: string, said: RegExp): Promise<void> {
  await watched(machine);
  await machine.shell(script);
  await machine.logged("boardkeeper-credential", said);
}

async function processId(machine: Machine): Promise<string> {
  return await machine.shell("systemctl show boardkeeper-agent -P MainPID -P NRestarts");
}

describe.each(systemNames)("another connection string on %s", (system) => {
  it("is used without anybody's hand, where the agent is refused with the one before", async () => {
    const { machine, hub } = await provisionedBoard(system);
    const good = await hub.addDevice("board-2");
    const service = new ServiceApp(hub, "board-2");
    await machine.disk.write(file, good.replace(/SharedAccessKey=[^;]*/, "SharedAccessKey=d3Jvbmc="), 0o600);
    const { bootId } = await machine.powerOn();
    await machine.logged("boardkeeper-agent", refused);
    // In place, as a text editor or cp does.
    await watched(machine);
    await machine.write(file, good, "600");
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    expect((await service.callMethod("getStatus")).status).toBe(200);

    // Another device, by rename, as provision does; --no-start leaves the restart to the path unit.
    await watched(machine);
    await machine.write("/root/second", await hub.addDevice("board-3"), "600");
    await machine.shell("boardkeeper-agent provision --no-start </root/second");
    await machine.logged("boardkeeper-agent", /"device":"board-3"/);
    expect(await machine.shell("systemctl is-system-running")).toBe("running\n");
  });

  it("changes nothing where the file has the same content, is cut off, emptied or gone", async () => {
    const { machine, service } = await provisionedBoard(system);
    const { bootId } = await machine.powerOn();
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    const before = await processId(machine);
    await machine.shell(`cp -a ${file} /root/good`);
    await change(machine, `cat /root/good >${file}`, /uses the connection string in \S+ already/);
    await change(machine, `head -c -3 /root/good >${file}`, /it may be cut off\. The agent goes on/);
    await change(machine, `: >${file}`, /it is empty.*The agent goes on/);
    await change(machine, `rm ${file}`, /no connection string on disk\. The agent goes on/);
    await watched(machine);
    expect(await processId(machine)).toBe(before);
    expect((await service.callMethod("getStatus")).status).toBe(200);
    expect(await machine.shell("systemctl is-system-running")).toBe("running\n");
    // An agent that was stopped stays stopped.
    await machine.shell("systemctl stop boardkeeper-agent");
    await change(machine, `cp /root/good ${file}`, /service does not run, so nothing was restarted/);
    expect((await machine.run("systemctl", "is-active", "boardkeeper-agent")).stdout).toBe("inactive\n");
  });

  it("is watched for after an upgrade from a release that did not, and no longer after a purge", async () => {
    const machine = await bareMachine(system);
    await machine.powerOn();
    await machine.installPackage(await packageWithoutUnit(packageFor(system), "boardkeeper-credential"));
    const state = ["show", "boardkeeper-credential.path", "-P", "LoadState", "-P", "ActiveState"];
    expect((await machine.run("systemctl", ...state)).stdout).toBe("not-found\ninactive\n");
    await machine.installPackage(packageFor(system));
    expect((await machine.run("systemctl", ...state)).stdout).toBe("loaded\nactive\n");
    await machine.shell("apt-get purge -y boardkeeper-agent");
    expect((await machine.run("systemctl", ...state)).stdout).toBe("not-found\ninactive\n");
    expect(await machine.shell("systemctl --failed --no-legend")).toBe("");
  });
});
