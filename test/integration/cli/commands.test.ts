import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { startImageServer } from "../../../service-tools/images/server.ts";
import { startLocalHub } from "../../../service-tools/local-hub/start.ts";
import { startCli, runCli, type RunningCli } from "../../support/run-cli.ts";
import { Gate } from "../../support/gate.ts";
import { testImage, type TestImage } from "../../support/image-server.ts";
import { testHub } from "../../support/local-hub.ts";
import { overriding } from "../../support/overriding.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TestBoard, type TestBoardOptions } from "../../support/test-board.ts";
import { ServiceApp } from "../../support/service-app.ts";

/** A hub with an image server, in a home of its own, and a board that has connected. */
async function hubAndBoard(
  options: TestBoardOptions = {},
): Promise<{ hub: LocalHub; board: TestBoard; service: ServiceApp }> {
  const hub = await testHub({ folder: join(await temporaryFolder(), "hub"), startImages: startImageServer });
  const board = await TestBoard.start(hub, options);
  const service = new ServiceApp(hub, board.deviceId, options.moduleId);
  await service.untilReported("boardkeeper.agent.bootId", (id) => id !== undefined);
  return { hub, board, service };
}

async function imageFile(image: TestImage = testImage()): Promise<string> {
  const path = join(await temporaryFolder(), "firmware.img");
  await writeFile(path, image.content);
  return path;
}

/** Resolves once a command has written something that matches. */
async function written(running: RunningCli, what: RegExp): Promise<void> {
  let isOver = false;
  void running.exitCode.finally(() => (isOver = true));
  while (!what.test(running.err.text)) {
    if (isOver) throw new Error(`The command ended without writing ${String(what)}: ${running.err.text}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("boardkeeper reboot --wait", () => {
  it.each<TestBoardOptions>([{}, { moduleId: "agent" }, { transport: "WebSockets" }])(
    "is 0 once another boot is proven: %o",
    async (options) => {
      const { hub, board } = await hubAndBoard(options);
      const module = options.moduleId === undefined ? "" : ` -m ${options.moduleId}`;
      const { exitCode, out } = await runCli(hub, `reboot -d board-1${module} --wait -o json`);
      expect(exitCode).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ outcome: "proven", operationId: "reboot-typed", cause: "requested" });
      expect(board.boots).toBe(2);
    },
  );

  it("is 1 when it is cancelled meanwhile", async () => {
    const { hub, board } = await hubAndBoard();
    const running = startCli(hub, "reboot -d board-1 --in 1h --wait");
    await written(running, /scheduled {4}for/);
    expect(await runCli(hub, "cancel -d board-1")).toMatchObject({
      exitCode: 0,
      out: "Reboot cancelled (reboot-typed)\n",
    });
    expect(await running.exitCode).toBe(1);
    expect(running.err.text).toContain("The reboot of board-1 was cancelled before it was due.");
    expect(board.boots).toBe(1);
  });

  it("is 6 while another one is pending", async () => {
    const { hub } = await hubAndBoard();
    await runCli(hub, "reboot -d board-1 --in 1h --operation-id first");
    const { exitCode, err } = await runCli(hub, "reboot -d board-1 --wait");
    expect(exitCode).toBe(6);
    expect(err).toContain("board-1 refused (409 already-scheduled)");
  });

  it("repeated with the same id reboots once, and is 0 both times", async () => {
    const { hub, board } = await hubAndBoard();
    expect(await runCli(hub, "reboot -d board-1 --wait --operation-id once")).toMatchObject({ exitCode: 0 });
    expect(await runCli(hub, "reboot -d board-1 --wait --operation-id once")).toMatchObject({ exitCode: 0 });
    expect(board.boots).toBe(2);
  });

  it("is 5 when the time is up, and the reboot goes on", async () => {
    const { hub, board, service } = await hubAndBoard();
    const down = new Gate();
    board.rebootHold = down.pass();
    const { exitCode, err } = await runCli(hub, "reboot -d board-1 --wait --timeout 0s");
    expect(exitCode).toBe(5);
    expect(err).toContain("The reboot continues. Watch it with: boardkeeper watch -d board-1");
    down.open();
    await service.untilReported("boardkeeper.reboot.phase", "proven");
  });

  it("is 130 at Ctrl-C, and the reboot goes on", async () => {
    const { hub, board, service } = await hubAndBoard();
    const down = new Gate();
    board.rebootHold = down.pass();
    const running = startCli(hub, "reboot -d board-1 --wait");
    await written(running, /rebooting/);
    running.ctrlC();
    expect(await running.exitCode).toBe(130);
    expect(running.err.text).toContain("The reboot continues. Watch it with: boardkeeper watch -d board-1");
    down.open();
    await service.untilReported("boardkeeper.reboot.phase", "proven");
  });

  it("rides through a restart of the hub", async () => {
    const { hub, board } = await hubAndBoard();
    const down = new Gate();
    board.rebootHold = down.pass();
    const running = startCli(hub, "reboot -d board-1 --wait");
    await written(running, /rebooting/);
    await hub.stop();
    await written(running, /cannot be reached[^]* Trying again\./);
    const again = await startLocalHub({ folder: hub.folder, startImages: startImageServer });
    try {
      down.open();
      expect(await running.exitCode).toBe(0);
      expect(running.err.text).toContain("the hub answers again");
    } finally {
      await again.stop();
    }
  });

  it("is 4 when the board is offline, with nothing asked for", async () => {
    const { hub, board, service } = await hubAndBoard();
    await board.powerOff();
    const { exitCode, err } = await runCli(hub, "reboot -d board-1 --wait");
    expect(exitCode).toBe(4);
    expect(err).toContain("board-1 is offline");
    expect(await service.reported("boardkeeper.reboot.operationId")).toBeUndefined();
  });
});

describe("boardkeeper update --wait", () => {
  it("publishes a file, and is 0 once its version is proven", async () => {
    const { hub, board } = await hubAndBoard();
    const { exitCode, out, err } = await runCli(
      hub,
      `update -d board-1 --file ${await imageFile()} --version 2.0.0 --wait`,
    );
    expect(err).toMatch(/accepted\n.*downloading.*\n.*verifying\n.*staged\n.*applying\n[^]*proving\n.*completed\n$/);
    expect(out).toBe("board-1 runs 2.0.0, proven healthy after the update.\n");
    expect(exitCode).toBe(0);
    expect(await board.runningVersion()).toBe("2.0.0");
  });

  it("is 0 for a declared one too, which an offline board takes up when it is back", async () => {
    const { hub, board } = await hubAndBoard();
    await board.powerOff();
    const running = startCli(hub, `update -d board-1 --file ${await imageFile()} --version 2.0.0 --desired --wait`);
    await written(running, /Firmware declared for board-1/);
    await board.powerOn();
    expect(await running.exitCode).toBe(0);
    expect(await board.runningVersion()).toBe("2.0.0");
  });

  it("keeps to a time to begin by: 0 where it begins in time, 1 where a declared one is read too late", async () => {
    const { hub, board, service } = await hubAndBoard();
    const line = `update -d board-1 --file ${await imageFile()} --version 2.0.0`;
    expect(await runCli(hub, `${line} --start-by 2099-01-31T04:00:00Z --wait`)).toMatchObject({ exitCode: 0 });
    await service.untilReported("boardkeeper.update.startBy", "2099-01-31T04:00:00.000Z");
    await board.powerOff();
    const late = startCli(
      hub,
      `${line.replace("2.0.0", "3.0.0")} --operation-id late --desired --start-by 2099-01-31T04:00:00Z --wait`,
    );
    await written(late, /Firmware declared for board-1/);
    await service.setDesired({ firmware: { startBy: "2020-01-31T04:00:00Z" } });
    await board.powerOn();
    expect(await late.exitCode).toBe(1);
    expect(late.err.text).toContain("(lease-expired)");
    expect(await board.runningVersion()).toBe("2.0.0");
  });

  it("is 6 for a declared one that the board refuses", async () => {
    const { hub } = await hubAndBoard({ settings: { "update.max-image-size": 10 } });
    const { exitCode, err } = await runCli(
      hub,
      `update -d board-1 --file ${await imageFile()} --version 2.0.0 --desired --wait`,
    );
    expect(err).toContain("board-1 refused the declared update (image-too-large)");
    expect(exitCode).toBe(6);
  });

  it("is 0 for a rehearsal only where one was asked for", async () => {
    const { hub, board } = await hubAndBoard();
    const { exitCode, out } = await runCli(hub, "update -d board-1 --rehearse --wait");
    expect(out).toBe("board-1 has rehearsed an update: it went through every phase and installed nothing.\n");
    expect(exitCode).toBe(0);
    expect(await board.runningVersion()).toBe("1.0.0");
  });

  it("is 1 with the board's own sentence when the image is another one", async () => {
    const { hub } = await hubAndBoard();
    const image = testImage();
    const { exitCode: published, out } = await runCli(
      hub,
      `update -d board-1 --file ${await imageFile(image)} --version 2.0.0 --wait`,
    );
    expect([published, out]).toEqual([0, expect.stringContaining("2.0.0") as string]);
    const uri = `${hub.imagesUrl}${image.sha256.slice(0, 16)}/firmware.img`;
    const wrong = "0".repeat(64);
    const { exitCode, err } = await runCli(
      hub,
      `update -d board-1 --uri ${uri} --sha256 ${wrong} --operation-id other --wait`,
    );
    expect(err).toContain("The update of board-1 failed while verifying. The downloaded image has SHA-256");
    expect(err).toContain("(bad-digest)");
    expect(exitCode).toBe(1);
  });

  it("is 1 when the new system is not proven and the board goes back", async () => {
    // The new system comes up, but its installer never says that it runs the new version.
    const { hub, board } = await hubAndBoard({
      installer: (installer) => overriding(installer, { runningVersion: () => Promise.resolve("1.0.0") }),
    });
    const { exitCode, err } = await runCli(hub, `update -d board-1 --file ${await imageFile()} --version 2.0.0 --wait`);
    expect(err).toContain("board-1 is back on its old system: the new one was not proven.");
    expect(exitCode).toBe(1);
    expect(board.boots).toBeGreaterThan(1);
  });

  it("waits for the order with --apply manual, which boardkeeper apply gives", async () => {
    const { hub, board } = await hubAndBoard();
    const running = startCli(
      hub,
      `update -d board-1 --file ${await imageFile()} --version 2.0.0 --apply manual --wait`,
    );
    await written(running, /staged {7}waiting for approval; run: boardkeeper apply -d board-1/);
    expect(await board.runningVersion()).toBe("1.0.0");
    expect((await runCli(hub, "apply -d board-1 --wait")).exitCode).toBe(0);
    expect(await running.exitCode).toBe(0);
    expect(await board.runningVersion()).toBe("2.0.0");
  });
});

describe("what the hub knows", () => {
  it("is listed, shown and summed up", async () => {
    const { hub } = await hubAndBoard();
    expect((await runCli(hub, "device list")).out).toMatch(
      /^Name +Link +Firmware +Update +Last reboot\nboard-1 +connected +1\.0\.0 +idle +-\n$/,
    );
    expect((await runCli(hub, "status -d board-1")).out).toMatch(
      /Link +connected\nAgent +0\.0\.0-test, simulated board/,
    );
    expect((await runCli(hub, "device add -d board-2 -o json")).out).toContain(hub.deviceConnectionString("board-2"));
  });

  it("is shown, across a restart of the hub", async () => {
    const { hub } = await hubAndBoard();
    await hub.stop();
    const running = startCli(hub, "status -d board-1");
    await written(running, /cannot be reached[^]* Trying again for 15 s\./);
    const again = await startLocalHub({ startImages: startImageServer, folder: hub.folder });
    try {
      expect(await running.exitCode).toBe(0);
      expect(running.out.text).toContain("Update");
    } finally {
      await again.stop();
    }
  });

  it("is watched, through a restart of the hub", async () => {
    const { hub, service } = await hubAndBoard();
    const running = startCli(hub, "watch -d board-1");
    await written(running, /Watching board-1/);
    await hub.stop();
    await written(running, /cannot be reached[^]* Trying again\./);
    const again = await startLocalHub({ startImages: startImageServer, folder: hub.folder });
    try {
      await written(running, /The hub answers again\./);
      await service.untilReported("boardkeeper.update.phase", "idle");
      expect(await runCli(hub, "reboot -d board-1 --wait")).toMatchObject({ exitCode: 0 });
      await expect.poll(() => running.out.text).toMatch(/reboot +proven/);
      running.ctrlC();
      expect(await running.exitCode).toBe(0);
    } finally {
      await again.stop();
    }
  });
});
