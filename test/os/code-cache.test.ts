import { describe, expect, it } from "vitest";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import { bareMachine, installedMachine, provisionedBoard } from "./board.ts";
import { firstPackage, packageFor, systemNames } from "./layers.ts";
import type { Machine } from "./machine.ts";
import { newerPackage, olderPackage } from "./other-releases.ts";

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
const other = source.toString("latin1").replace("config: 78", "config: 79");
const code = new (require("node:vm").Script)(other).createCachedData();
writeFileSync("${folder}/" + sha256(source).toString("hex") + ".cache", Buffer.concat([sha256(code), code]));
`;

describe.each(systemNames)("the code cache on %s", (system) => {
  it("is made with the package, belongs to root, and is what the service runs", async () => {
    const { machine } = await provisionedBoard(system);
    await machine.powerOn();
    await machine.installPackage(packageFor(system));
    expect(await machine.shell(`find ${folder} -printf '%M %u:%g\\n' | sort -u`)).toBe(
      "-rw-r--r-- root:root\ndrwxr-xr-x root:root\n",
    );
    expect(await finding(machine)).toMatchObject(used);

    await machine.shell("systemctl stop boardkeeper-agent; rm -f /var/lib/boardkeeper/config.last-good.json");
    await machine.write("/etc/boardkeeper/agent.toml.d/wrong.toml", "[agent]\nno-such-setting = 1\n");
    const exitCode = "systemctl show boardkeeper-agent -P ExecMainStatus";
    const start = `systemctl start --no-block boardkeeper-agent; until [ "$(${exitCode})" != 0 ]; do sleep 0.1; done`;
    expect(await machine.shell(`${start}; ${exitCode}; systemctl stop boardkeeper-agent`)).toBe("78\n");
    await machine.write("/tmp/plant.cjs", plant);
    await machine.shell("/usr/lib/boardkeeper/node /tmp/plant.cjs; systemctl reset-failed boardkeeper-agent");
    expect(await machine.shell(`${start}; ${exitCode}`)).toBe("79\n");
  });

  it("is another one after an upgrade and after the way back, and gone with the package", async () => {
    const machine = await installedMachine(system);
    await machine.powerOn();
    await machine.installPackage(packageFor(system));
    for (const file of [await newerPackage(packageFor(system)), await olderPackage(firstPackage(system))]) {
      await machine.shell(`touch ${folder}/of-the-release-before.cache`);
      await machine.installPackage(file);
      expect(await machine.shell(`ls ${folder}`)).not.toContain("of-the-release-before");
    }
    await machine.shell("apt-get remove -y boardkeeper-agent");
    expect((await machine.run("ls", "/usr/lib/boardkeeper")).stderr).toContain("No such file or directory");
  });

  it.each([
    { what: "a full disk", before: `mkdir -p ${folder}; mount -t tmpfs -o size=200k none ${folder}` },
    { what: "a read-only folder", before: `mkdir -p ${folder}; mount -t tmpfs -o ro none ${folder}` },
    { what: "a file in its way", before: `mkdir -p ${folder}; rmdir ${folder}; touch ${folder}` },
  ])("is not made for $what: the package is installed, and its agent starts", async ({ before }) => {
    const machine = await bareMachine(system);
    await machine.powerOn();
    await machine.shell(before);
    await machine.installPackage(packageFor(system));
    expect(await machine.shell("dpkg-query -W -f '${db:Status-Status}' boardkeeper-agent")).toBe("installed");
    expect(await machine.shell("boardkeeper-agent --version")).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await finding(machine)).toMatchObject({ level: "ok" });
    await machine.shell(`umount ${folder} 2>/dev/null || rm ${folder}`);
    await machine.shell(`/usr/lib/boardkeeper/node /usr/lib/boardkeeper/make-code-cache.cjs`);
    expect(await finding(machine)).toMatchObject(used);
  });
});

it("is made again when Debian's Node.js is replaced", async () => {
  const machine = await installedMachine("Debian 13");
  await machine.powerOn();
  await machine.installPackage(packageFor("Debian 13"));
  await machine.shell(`rm -r ${folder}`);
  // The same nodejs as a newer package.
  await machine.shell(`
    mkdir -p /tmp/nodejs/DEBIAN && cd /tmp/nodejs
    dpkg-query -L nodejs | while read -r path; do if [ -f "$path" ] || [ -L "$path" ]; then cp -a --parents "$path" .; fi; done
    dpkg-query -s nodejs | sed '/^Status:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}; s/^Version: .*/&.1/' >DEBIAN/control
    dpkg-deb -Zgzip -z1 --build . /tmp/nodejs.deb && dpkg --install /tmp/nodejs.deb`);
  expect(await finding(machine)).toMatchObject(used);
});
