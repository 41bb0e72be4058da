import { expect, it } from "vitest";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import { provisionedBoard } from "./board.ts";
import { firstPackage, packageFor } from "./layers.ts";
import type { Machine } from "./machine.ts";
import { newerPackage, olderPackage } from "./other-releases.ts";

/* On one Debian, and one board from its installation to the removal. What can go wrong is in test/process/code-cache.test.ts. */

const system = "Debian 13";
const folder = "/usr/lib/boardkeeper/code-cache";

async function finding(machine: Machine): Promise<Finding | undefined> {
  const said = await machine.shell("boardkeeper-agent doctor --json || true"); // There may be faults of other kinds.
  return (JSON.parse(said) as { findings: Finding[] }).findings.find(({ check }) => check === "code cache");
}

const used = { level: "ok", what: expect.stringMatching(/^used: \d\d files/) as string };

/** Seals what V8 makes of main.cjs with another exit code for an unusable configuration, as that of the real main.cjs. */
const plant = `
const { readFileSync, writeFileSync } = require("node:fs");
const sha256 = (bytes) => require("node:crypto").createHash("sha256").update(bytes).digest();
const source = readFileSync("/usr/lib/boardkeeper/agent/main.cjs");
const other = source.toString("latin1").replace(/config: ?78/, (found) => found.replace("78", "79"));
const code = new (require("node:vm").Script)(other).createCachedData();
writeFileSync("${folder}/" + sha256(source).toString("hex") + ".cache", Buffer.concat([sha256(code), code]));
`;

it("the code cache is root's, is what the service runs, and follows Node.js and the package until that is removed", async () => {
  const { machine } = await provisionedBoard(system);
  await machine.powerOn();
  await machine.installPackage(packageFor(system));
  const owned = "-rw-r--r-- root:root\ndrwxr-xr-x root:root\n";
  const listed = `find ${folder} -printf '%M %u:%g\\n' | sort -u`;
  expect(await machine.shell(listed)).toBe(owned);
  expect(await finding(machine)).toMatchObject(used);

  await machine.shell("systemctl stop boardkeeper-agent; rm -f /var/lib/boardkeeper/config.last-good.json");
  await machine.write("/etc/boardkeeper/agent.toml.d/wrong.toml", "[agent]\nno-such-setting = 1\n");
  const exitCode = "systemctl show boardkeeper-agent -P ExecMainStatus";
  const start = `systemctl start --no-block boardkeeper-agent; until [ "$(${exitCode})" != 0 ]; do sleep 0.1; done`;
  expect(await machine.shell(`${start}; ${exitCode}; systemctl stop boardkeeper-agent`)).toBe("78\n");
  await machine.write("/tmp/plant.cjs", plant);
  await machine.shell("/usr/lib/boardkeeper/node /tmp/plant.cjs; systemctl reset-failed boardkeeper-agent");
  expect(await machine.shell(`${start}; ${exitCode}`)).toBe("79\n");
  await machine.shell("rm /etc/boardkeeper/agent.toml.d/wrong.toml");

  // The same nodejs as a newer package, installed by somebody with a umask and variables of his own.
  await machine.shell(`
    rm -r ${folder}; mkdir -p /tmp/nodejs/DEBIAN && cd /tmp/nodejs
    dpkg-query -L nodejs | while read -r path; do if [ -f "$path" ] || [ -L "$path" ]; then cp -a --parents "$path" .; fi; done
    dpkg-query -s nodejs | sed '/^Status:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}; s/^Version: .*/&.1/' >DEBIAN/control
    dpkg-deb -Zgzip -z1 --build . /tmp/nodejs.deb && umask 077 && NODE_OPTIONS=--no-opt dpkg --install /tmp/nodejs.deb`);
  expect(await machine.shell(listed)).toBe(owned);
  expect(await finding(machine)).toMatchObject(used);

  for (const file of [await newerPackage(packageFor(system)), await olderPackage(firstPackage(system))]) {
    await machine.shell(`touch ${folder}/of-the-release-before.cache`);
    await machine.installPackage(file);
    expect(await machine.shell(`ls ${folder}`)).not.toContain("of-the-release-before");
  }
  await machine.shell("apt-get remove -y boardkeeper-agent");
  expect((await machine.run("ls", "/usr/lib/boardkeeper")).stderr).toContain("No such file or directory");
});
