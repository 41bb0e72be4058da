import { describe, expect, it } from "vitest";
import { provisionedBoard } from "./board.ts";
import { systemNames } from "./layers.ts";
import { watched } from "./provision.ts";

const folder = "/etc/boardkeeper/credentials";
const dropIn = "/etc/systemd/system/boardkeeper-agent.service.d/credential.conf";

describe.each(systemNames)("the connection string on %s", (system) => {
  it("may be gone from its place once the board was connected: the last good configuration runs", async () => {
    const { machine, service } = await provisionedBoard(system);
    await machine.powerOn();
    await machine.logged("boardkeeper-agent", /last known good configuration stored/);
    await machine.shell(`mv ${folder}/connection-string /root; systemctl restart boardkeeper-agent`);
    await service.untilReported("boardkeeper.agent.problems", (problems) =>
      /connection string: there is none/.test(JSON.stringify(problems)),
    );
    expect((await service.callMethod("getStatus")).status).toBe(200);
    expect(await machine.shell("boardkeeper-agent status")).toMatch(
      /last known good one runs.*connection string: there is none/s,
    );
    await watched(machine);
    // Given back, it counts again, without a restart by hand.
    await machine.shell(`mv /root/connection-string ${folder}`);
    await service.untilReported("boardkeeper.agent.problems", (problems) => problems === undefined);
  });

  it("may lie on the disk encrypted", async () => {
    const { machine, service } = await provisionedBoard(system);
    await machine.disk.write(
      dropIn,
      `[Unit]\nConditionPathExists=\n[Service]\nLoadCredential=\nLoadCredentialEncrypted=connection-string:${folder}/encrypted\n`,
    );
    const { bootId } = await machine.powerOn();
    await machine.shell(
      `systemctl stop boardkeeper-agent; cd ${folder}
       systemd-creds encrypt --with-key=host --name=connection-string connection-string encrypted && rm connection-string
       systemctl restart boardkeeper-agent`,
    );
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    expect(await machine.shell(`! grep -q SharedAccessKey ${folder}/encrypted && ls ${folder}`)).toBe("encrypted\n");
    // Outside the service, doctor decrypts it, and goes on to the hub.
    const doctor = await machine.run("boardkeeper-agent", "doctor");
    expect(doctor.stdout).toMatch(/^ok +credentials +\S+\/encrypted, encrypted with a key of this board$/m);
    expect(doctor.stdout).toMatch(/^ok +credentials in use +the running agent uses this connection string$/m);
    expect(doctor.stdout).toMatch(/^ok +login /m);
    await watched(machine);
    // Encrypted anew with another content, it is decrypted, compared and used.
    await machine.shell(
      `cd ${folder}
       systemd-creds decrypt --name=connection-string encrypted - | sed 's/SharedAccessKey=[^;]*/SharedAccessKey=b3RoZXI=/' |
       systemd-creds encrypt --with-key=host --name=connection-string - new && mv new encrypted`,
    );
    await machine.logged("boardkeeper-credential", /encrypted has changed: boardkeeper-agent.service is restarted/);
    await machine.logged("boardkeeper-agent", /"diagnosis":"credentials".*not connected to the hub/);
  });
});

it("the connection string on Debian 13 may come from systemd's own store of credentials", async () => {
  const { machine, service } = await provisionedBoard("Debian 13");
  await machine.disk.write(
    dropIn,
    "[Unit]\nConditionPathExists=\n[Service]\nLoadCredential=\nImportCredential=connection-string\n",
  );
  const { bootId } = await machine.powerOn();
  await machine.shell(
    `systemctl stop boardkeeper-agent; mkdir -p -m 700 /etc/credstore
     mv ${folder}/connection-string /etc/credstore/ && systemctl restart boardkeeper-agent`,
  );
  await service.untilReported("boardkeeper.agent.bootId", bootId);
  expect((await service.callMethod("getStatus")).status).toBe(200);
  // Neither a stale file at the usual place nor a change in the store that concerns others is taken for another one.
  await watched(machine);
  const seen = 'journalctl -b -o cat -u boardkeeper-credential | grep -c "/etc/credstore/connection-string already"';
  const before = Number((await machine.run("sh", "-c", seen)).stdout);
  await machine.shell(
    `sed 's/SharedAccessKey=[^;]*/SharedAccessKey=b3RoZXI=/' /etc/credstore/connection-string >${folder}/connection-string`,
  );
  await machine.shell(`until [ "$(${seen})" -gt ${before} ]; do sleep 0.1; done`);
  const { stdout } = await machine.run("boardkeeper-agent", "doctor");
  expect(stdout).toMatch(/^ok +credentials +\/etc\/credstore\/connection-string, readable by its owner alone$/m);
  expect(stdout).toMatch(/^ok +credentials in use +the running agent uses this connection string$/m);
  const provisioned = await machine.run(
    "sh",
    "-c",
    "boardkeeper-agent provision --no-start </etc/credstore/connection-string",
  );
  expect(provisioned.stderr).toContain("its unit takes the connection string from /etc/credstore/connection-string");
});
