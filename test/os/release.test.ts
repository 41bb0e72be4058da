import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { installedMachine } from "./board.ts";
import { systemNames, type SystemName } from "./layers.ts";
import type { Machine } from "./machine.ts";

const releases = "/var/lib/boardkeeper-release";
const example = "docs/examples/thermometer";

/** A machine with the example application of docs/installers.md and these releases of it, the last of which runs; it is off. */
async function machineWithReleases(system: SystemName, ...versions: readonly string[]): Promise<Machine> {
  const machine = await installedMachine(system);
  await machine.powerOn();
  await machine.shell("useradd --system --shell /usr/sbin/nologin thermometer");
  await machine.write("/etc/systemd/system/thermometer.service", await readFile(`${example}/thermometer.service`));
  await machine.write("/etc/boardkeeper/board.conf", "release.units = thermometer.service\n");
  const program = await readFile(`${example}/app/bin/thermometer`);
  for (const version of versions) {
    await machine.write(`${releases}/releases/${version}/bin/thermometer`, program, "555");
    await machine.write(`${releases}/releases/${version}/VERSION`, `${version}\n`, "444");
  }
  await machine.shell(`ln -s releases/${versions.at(-1)} ${releases}/current; systemctl enable thermometer`);
  await machine.powerOff();
  return machine;
}

/** Which releases of the application have started in this boot, in order. */
async function started(machine: Machine): Promise<string[]> {
  await machine.logged("thermometer", /has started/);
  const log = await machine.shell("journalctl -b -o cat -u thermometer");
  return [...log.matchAll(/^thermometer (\S+) has started$/gm)].map(([, version = ""]) => version);
}

/** Asks the restart helper as root's install helper does. */
async function ask(machine: Machine, action: string): Promise<string> {
  const folder = "/run/boardkeeper/restart";
  return await machine.shell(
    `cd ${folder}; rm -f answer; read -r boot </proc/sys/kernel/random/boot_id; read -r now _ </proc/uptime
     printf 'request=1\\nboot=%s\\nuntil=%s\\naction=${action}\\n' "$boot" $((\${now%%.*} + 30)) >request.new; mv request.new request
     until [ -e answer ]; do :; done; cat answer`,
  );
}

/** Sends a file to a socket as the install helper does, and prints the digest of what comes back. */
const throughSocket = `socket(my $s, 1, 1, 0); connect($s, sockaddr_un($ARGV[0])) or die "no: $!\\n";
  if (!fork) { open my $f, "<", $ARGV[1]; while (sysread $f, my $b, 65536) { syswrite $s, $b } shutdown $s, 1; exit }
  open my $d, "|-", "sha256sum"; print $d $_ while <$s>; close $d`;

describe.each(systemNames)("releases on %s", (system) => {
  it("restarts the application's units for root alone, and says how they are", async () => {
    const machine = await machineWithReleases(system, "1.0.0");
    await machine.powerOn();
    expect(await started(machine)).toStrictEqual(["1.0.0"]);
    // More often than systemd's usual limit of five starts in ten seconds.
    for (let time = 1; time <= 6; time += 1)
      expect(await ask(machine, "show")).toMatch(
        /^request=1\nverdict=done\nwhy=.*\nunit=thermometer\.service active \d+\n$/,
      );
    expect(await ask(machine, "restart")).toMatch(/verdict=done\nwhy=.*\nunit=thermometer\.service active [01]\n$/);
    await machine.logged("thermometer", /has started/);
    expect(await started(machine)).toStrictEqual(["1.0.0", "1.0.0"]);
    expect(await ask(machine, "stop")).toContain("unit=thermometer.service inactive 0\n");
    await machine.write("/etc/systemd/system/thermometer.service.d/broken.conf", "[Service]\nUser=nobody-there\n");
    await machine.shell("systemctl daemon-reload");
    expect(await ask(machine, "restart")).toMatch(/verdict=(failed|done)\n/);
    const { stdout } = await machine.run(
      "setpriv",
      "--reuid=boardkeeper",
      "--regid=boardkeeper",
      "--clear-groups",
      "ls",
      "/run/boardkeeper/restart",
    );
    expect(stdout).toBe("");
    expect(await machine.shell(`stat -c '%a %U' /run/boardkeeper/restart ${releases}`)).toBe("700 root\n755 root\n");
  });

  it("lets an unproven release start twice, and runs the one before from the third start on", async () => {
    const machine = await machineWithReleases(system, "1.0.0", "2.0.0");
    const trial = "operation=op-1\nversion=2.0.0\nbefore=1.0.0\nboot=0e2f\nboots=0\n";
    await machine.disk.write(`${releases}/trial`, trial);
    await machine.powerOn();
    for (const boots of [1, 2]) {
      expect(await started(machine)).toStrictEqual(["2.0.0"]);
      expect(await machine.shell(`cat ${releases}/trial`)).toContain(`boots=${boots}\n`);
      // By whatever else it is started: an upgrade of the package, say.
      await machine.shell("systemctl start boardkeeper-release-boot");
      expect(await machine.shell(`cat ${releases}/trial`)).toContain(`boots=${boots}\n`);
      const next = machine.boots.length + 1;
      await machine.run("systemctl", "reboot");
      await machine.booted(next);
    }
    expect(await started(machine)).toStrictEqual(["1.0.0"]);
    expect(await machine.shell(`readlink ${releases}/current; cat ${releases}/fell-back; ls ${releases}`)).toMatch(
      /^releases\/1\.0\.0\noperation=op-1\n[^]*boots=3\ncurrent\nfell-back\nreleases\n$/,
    );
    expect((await machine.run("systemctl", "is-system-running")).stdout).toBe("running\n");
  });

  it("unpacks xz and zstd for root alone", async () => {
    const machine = await installedMachine(system);
    await machine.powerOn();
    const folder = await temporaryFolder();
    const content = join(folder, "content");
    await writeFile(content, Buffer.alloc(20_000_000, "some content "));
    const { stdout: digest } = await promisify(execFile)("sh", ["-c", 'sha256sum <"$1"', "sh", content]);
    for (const [name, pack] of [
      ["unxz", "xz -6"],
      ["unzstd", "zstd -19"],
    ] as const) {
      await promisify(execFile)("sh", ["-c", `${pack} -c "$1" >"$1.${name}"`, "sh", content]);
      await machine.write("/tmp/packed", await readFile(`${content}.${name}`));
      const client = ["perl", "-MSocket", "-e", throughSocket, `/run/boardkeeper/${name}.sock`, "/tmp/packed"] as const;
      expect((await machine.run(...client)).stdout).toBe(digest);
      const agent = ["--reuid=boardkeeper", "--regid=boardkeeper", "--clear-groups"];
      expect((await machine.run("setpriv", ...agent, ...client)).stderr).toContain("Permission denied");
      // A window that is too large, and bytes that are damaged: what comes is not the content, and the next one is served.
      await machine.shell("head -c 1000 /tmp/packed >/tmp/cut; mv /tmp/cut /tmp/packed");
      expect((await machine.run(...client)).stdout).not.toBe(digest);
      expect(await machine.logged(`boardkeeper-${name}@*`, /./)).not.toBe("");
    }
    expect((await machine.run("systemctl", "is-system-running")).stdout).toBe("running\n");
  });
});
