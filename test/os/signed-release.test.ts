import { createReadStream } from "node:fs";
import { chmod, cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imageServer } from "../support/image-server.ts";
import { TestPublisher } from "../support/signed-repository.ts";
import { provisionedBoard, type Board } from "./board.ts";
import { systemNames, type SystemName } from "./layers.ts";

const boardName = "acme,gateway";
const example = "docs/examples/thermometer";

interface ReleaseBoard extends Board {
  /** Publishes a release of the example application, and asks the board for it. @returns its operation id */
  readonly request: (version: string, program?: string) => Promise<string>;
  /** How the update has ended. */
  readonly end: (operationId: string) => Promise<Record<string, unknown>>;
  /** The version that the application said at its last start in this boot. */
  readonly running: () => Promise<string | undefined>;
}

/** A board that trusts a publisher, set up as docs/installers.md says; it is on. */
async function releaseBoard(system: SystemName, healthyForSeconds: number): Promise<ReleaseBoard> {
  const board = await provisionedBoard(system);
  const publisher = await TestPublisher.start();
  const { origin } = await imageServer(
    (request, response) => {
      const path = join(publisher.folder, decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname));
      stat(path).then(
        ({ size }) => {
          response.writeHead(200, { "content-length": size });
          createReadStream(path).pipe(response);
        },
        () => response.writeHead(404).end(),
      );
    },
    { tls: false },
  );
  const { machine, service } = board;
  await machine.disk.write(
    "/etc/systemd/system/thermometer.service",
    await readFile(`${example}/thermometer.service`, "utf8"),
  );
  await machine.disk.write(
    "/etc/boardkeeper/board.conf",
    `board.compatible = ${boardName}\nrelease.units = thermometer.service\n`,
  );
  await machine.disk.write(
    "/etc/boardkeeper/agent.toml.d/release.toml",
    `[update]\ninstaller = "release"\nrepository = "${origin}"\nallow-http = true\nhealthy-for-seconds = ${healthyForSeconds}\nprove-within-seconds = 30\n`,
  );
  const root = await readFile(join(publisher.folder, "metadata", "1.root.json"), "utf8");
  await machine.disk.write("/root/root.json", root);
  await machine.powerOn();
  await machine.shell(
    `useradd --system --shell /usr/sbin/nologin thermometer; systemctl enable thermometer
     boardkeeper-agent trust add /root/root.json --yes; systemctl restart boardkeeper-agent`,
  );
  await service.untilReported("boardkeeper.agent.mode", "systemd");
  let requests = 0;
  return {
    ...board,
    async request(version, program) {
      const app = join(publisher.home, `app-${version}`);
      await cp(`${example}/app`, app, { recursive: true });
      await writeFile(join(app, "VERSION"), `${version}\n`);
      if (program !== undefined) await writeFile(join(app, "bin/thermometer"), program);
      await mkdir(join(app, "etc"));
      await chmod(join(app, "bin/thermometer"), 0o755);
      const where = ["--repo", publisher.folder, "--version", version, "--board", boardName, "-o", "json"];
      const published = await publisher.repo("publish", app, ...where);
      if (published.exitCode !== 0) throw new Error(published.err);
      requests += 1;
      const operationId = `op-${requests}`;
      const { status, payload } = await service.callMethod("firmwareUpdate", { fwVersion: version, operationId });
      expect([status, payload]).toMatchObject([200, { operationId }]);
      return operationId;
    },
    async end(operationId) {
      await service.untilReported("boardkeeper.update.operationId", operationId);
      const ended = (phase: unknown): boolean => ["completed", "failed", "rolledBack"].includes(String(phase));
      return (await service.untilReported("boardkeeper.update.phase", ended))["boardkeeper"].update;
    },
    async running() {
      const log = await machine.shell("journalctl -b -o cat -u thermometer");
      return [...log.matchAll(/^thermometer (\S+) has started$/gm)].at(-1)?.[1];
    },
  };
}

describe.each(systemNames)("signed releases on %s", (system) => {
  it("are installed by their version alone, run, and are left again where the application fails", async () => {
    const { machine, service, request, end, running } = await releaseBoard(system, 1);
    expect(await end(await request("1.0.0"))).toMatchObject({ phase: "completed" });
    expect(await running()).toBe("1.0.0");
    expect(
      await machine.shell(
        "readlink /var/lib/boardkeeper-release/current; ls -ld /var/lib/boardkeeper-release/current/bin",
      ),
    ).toMatch(/^releases\/1\.0\.0\ndr-xr-xr-x \d+ root root /);
    expect(await machine.shell("stat -c '%U' /var/lib/thermometer/readings")).toBe("thermometer\n");

    const failing = await request("2.0.0", "#!/bin/sh\necho broken >&2\nexit 1\n");
    expect(await end(failing)).toMatchObject({ phase: "rolledBack", error: { code: "not-proven" } });
    expect(await running()).toBe("1.0.0");

    const unsigned = { fwPackageUri: "http://127.0.0.1:1/x", fwPackageCheckValue: "0".repeat(64), fwVersion: "3.0.0" };
    const { status, payload } = await service.callMethod("firmwareUpdate", unsigned);
    // At once where the metadata that the board has is enough to tell, else as the update's end.
    const why = status === 200 ? await service.untilReported("boardkeeper.update.error.code", "not-signed") : payload;
    expect(JSON.stringify(why)).toContain("not-signed");
    expect(await running()).toBe("1.0.0");
  });

  it("that are not proven within two starts of the board are left, and the agent tells it", async () => {
    const { machine, request, end, running } = await releaseBoard(system, 1);
    expect(await end(await request("1.0.0"))).toMatchObject({ phase: "completed" });
    await machine.shell(
      "sed -i 's/^healthy-for.*/healthy-for-seconds = 500/; s/^prove-within.*/prove-within-seconds = 3600/' /etc/boardkeeper/agent.toml.d/release.toml; systemctl restart boardkeeper-agent",
    );
    const operationId = await request("2.0.0");
    await machine.logged("thermometer", /^thermometer 2\.0\.0 has started/);
    for (let start = 1; start <= 3; start += 1) {
      const next = machine.boots.length + 1;
      await machine.run("systemctl", "reboot");
      await machine.booted(next);
      await machine.logged("thermometer", /has started/);
      expect(await running()).toBe(start <= 2 ? "2.0.0" : "1.0.0");
    }
    expect(await end(operationId)).toMatchObject({ phase: "rolledBack", error: { code: "fell-back" } });
    expect(await running()).toBe("1.0.0");
  });
});
