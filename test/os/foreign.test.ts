import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { kernelBootClock } from "../../agent/board/hardware/boot.ts";
import { createBoard, powerOn, writeBoard } from "../../agent/board/simulator/board.ts";
import type { Finding } from "../../agent/cli/doctor/finding.ts";
import { testHub } from "../support/local-hub.ts";
import { imageServer, serving, testImage } from "../support/image-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ServiceApp } from "../support/service-app.ts";
import { packagesFolder } from "./layers.ts";

const run = promisify(execFile);

const processors = [
  { architecture: "arm64", emulator: "qemu-aarch64-static", libraries: "/usr/aarch64-linux-gnu", runs: "arm64 v24" },
  { architecture: "armhf", emulator: "qemu-arm-static", libraries: "/usr/arm-linux-gnueabihf", runs: "arm v20" },
];

/** Takes an image by remembering what it was called. */
const installer = `#!/bin/sh
set -eu
case $1 in
  arm) echo "$BOARDKEEPER_VERSION" >VERSION_FILE ;;
  running-version) cat VERSION_FILE 2>/dev/null || echo 1.0.0 ;;
esac
`;

describe.each(processors)("the package for $architecture, its processor emulated", ({ architecture, ...processor }) => {
  it("starts, connects and does an update", async () => {
    const folder = await temporaryFolder();
    const name = readdirSync(packagesFolder).find((one) => one.endsWith(`_${architecture}.deb`));
    await run("dpkg-deb", ["--extract", join(packagesFolder, name ?? `no package for ${architecture}`), folder]);
    const library = join(folder, "usr/lib/boardkeeper");
    const node = [processor.emulator, "-L", processor.libraries, join(library, "node")] as const;
    const { stdout } = await run(node[0], [...node.slice(1), "-p", "process.arch + ' ' + process.version"]);
    expect(stdout).toMatch(new RegExp(`^${processor.runs}\\.`));

    const [hub, image] = [await testHub(), testImage()];
    const server = await imageServer(serving(image));
    await mkdir(join(folder, "state"));
    const file = async (path: string, text: string, mode = 0o600): Promise<string> => {
      await writeFile(join(folder, path), text, { mode });
      return join(folder, path);
    };
    const config = `
      [hub]
      connection-string-file = "${await file("connection-string", await hub.addDevice("board-1"))}"
      ca-file = "${await file("hub.pem", await readFile(hub.caFile, "utf8"))}"
      [update]
      installer = "command"
      ca-file = "${await file("images.pem", server.ca)}"
      healthy-for-seconds = 0
      command.restart = "none"
      command.program = "${await file("install", installer.replaceAll("VERSION_FILE", join(folder, "version")), 0o700)}"
    `;
    const made = await run(node[0], [...node.slice(1), join(library, "make-code-cache.cjs")]);
    expect(made).toEqual({ stdout: "", stderr: "" });
    const doctor = ["doctor", "--json", "--simulate", "--state-dir", join(folder, "none")];
    // It finds faults: this board has no connection string.
    const { stdout: said } = await run(node[0], [
      ...node.slice(1),
      join(library, "boardkeeper-agent.cjs"),
      ...doctor,
    ]).catch((ended: { stdout: string }) => ended);
    const { findings } = JSON.parse(said) as { findings: Finding[] };
    expect(findings.find(({ check }) => check === "code cache")?.what).toMatch(/^used: \d\d files/);
    const program = [
      "run",
      "--simulate",
      "--config",
      await file("agent.toml", config),
      "--state-dir",
      join(folder, "state"),
    ];
    // The agent of a simulated board, which takes unsigned images, without the process around it: that one would start the emulated
    // Node.js without its emulator.
    const boardFile = join(folder, "board.json");
    await writeBoard(boardFile, powerOn(createBoard("1.0.0"), "boot-1", kernelBootClock.nowMs()));
    const agent = spawn(node[0], [...node.slice(1), join(library, "boardkeeper-agent.cjs"), ...program], {
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      env: { ...process.env, BOARDKEEPER_BOARD_FILE: boardFile },
    });
    onTestFinished(async () => {
      agent.kill("SIGKILL");
      if (agent.exitCode === null) await once(agent, "close");
    });

    const service = new ServiceApp(hub);
    const [fwPackageUri, fwPackageCheckValue] = [`${server.origin}/board.img`, image.sha256];
    const reply = await service.callMethod(
      "firmwareUpdate",
      { fwPackageUri, fwPackageCheckValue, fwVersion: "2.0.0" },
      100,
    );
    expect(reply.status).toBe(200);
    const reported = await service.untilReported(
      "boardkeeper.update.phase",
      (phase) => phase === "completed" || phase === "failed",
    );
    expect(reported["boardkeeper"].update).toMatchObject({ phase: "completed", version: "2.0.0" });
    expect(reported["boardkeeper"].board.arch).toBe(architecture === "armhf" ? "arm" : "arm64");
  });
});
