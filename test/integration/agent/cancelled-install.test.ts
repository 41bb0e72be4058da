import { access, chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandInstaller } from "../../../agent/board/installers/command.ts";
import { execScript } from "../../../agent/board/installers/exec-script.ts";
import { restartKinds, type RestartKind } from "../../../agent/update/job.ts";
import { Gate } from "../../support/gate.ts";
import { quiet } from "../../support/logs.ts";
import { at } from "../../support/paths.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { setUpUpdate, untilTidied, type UpdateSetup } from "../../support/update-setup.ts";

const exists = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );
const until = async (path: string): Promise<void> => await expect.poll(async () => await exists(path)).toBe(true);

/** A board whose owner's program takes for ever to install 2.0.0, until it is stopped; other versions at once. */
async function setUpSlowProgram(
  restart: RestartKind,
): Promise<{ update: UpdateSetup; inFolder: (name: string) => string }> {
  const folder = await temporaryFolder();
  const inFolder = (name: string): string => join(folder, name);
  const script = `#!/bin/sh
cd '${folder}'
[ "$1" = running-version ] && exec cat running
echo "$1 $BOARDKEEPER_VERSION" >> verbs
case "$1 $BOARDKEEPER_VERSION" in
  "install 2.0.0")
    trap 'echo half > slot; : > stopped; exit 143' TERM
    : > begun
    sleep 600 & wait ;;
  "install "*) echo "$BOARDKEEPER_VERSION" > slot ;;
  arm*) cp slot running ;;
esac
`;
  await writeFile(inFolder("running"), "1.0.0\n");
  await writeFile(inFolder("program"), script);
  await chmod(inFolder("program"), 0o700);
  const update = await setUpUpdate({
    installer: () =>
      commandInstaller({
        program: execScript(inFolder("program")),
        restart,
        timeLimitMs: 60_000,
        replaces: [],
        stateDir: folder,
        log: quiet,
      }),
  });
  return { update, inFolder };
}

describe("an installation that is cancelled", () => {
  it.each(restartKinds)("is stopped, and nothing is armed (%s would restart)", async (restart) => {
    const { update, inFolder } = await setUpSlowProgram(restart);
    const { service, request, board } = update;
    await service.callMethod("firmwareUpdate", { ...request, operationId: "op-1" });
    await until(inFolder("begun"));

    const { status, payload } = await service.callMethod("cancelFirmwareUpdate", null);
    const left = "stays until the next update replaces it";
    expect([status, payload]).toMatchObject([
      200,
      { operationId: "op-1", Response: expect.stringContaining(left) as string },
    ]);
    const reported = await service.untilReported("boardkeeper.update.phase", "cancelled");
    expect(at(reported, "boardkeeper.update.error")).toMatchObject({
      code: "install-cancelled",
      during: "applying",
      message: expect.stringContaining(left) as string,
    });

    await untilTidied(board); // Comes after the program has ended.
    expect(await exists(inFolder("stopped"))).toBe(true);
    expect(await readFile(inFolder("verbs"), "utf8")).toBe("prepare 2.0.0\ninstall 2.0.0\n");
    expect(await readFile(inFolder("running"), "utf8")).toBe("1.0.0\n");
    await board.powerOff();
    await board.powerOn();
    expect((await board.saved())?.update).toMatchObject({ phase: "cancelled", error: { code: "install-cancelled" } });
    expect(await readFile(inFolder("verbs"), "utf8")).toBe("prepare 2.0.0\ninstall 2.0.0\n");
  });

  it("makes room for another update, which replaces what it left", async () => {
    const { update, inFolder } = await setUpSlowProgram("service");
    const { service, request } = update;
    await service.callMethod("firmwareUpdate", request);
    await until(inFolder("begun"));
    await service.callMethod("cancelFirmwareUpdate", null);
    expect(await service.callMethod("firmwareUpdate", { ...request, fwVersion: "3.0.0" })).toMatchObject({
      status: 200,
    });
    await service.untilReported("boardkeeper.update.phase", "completed");
    expect(await readFile(inFolder("slot"), "utf8")).toBe("3.0.0\n");
    expect(await readFile(inFolder("running"), "utf8")).toBe("3.0.0\n");
  });

  it("counts as cancelled though the installer ends well meanwhile", async () => {
    const installing = new Gate();
    const armed: string[] = [];
    const { service, request, board } = await setUpUpdate({
      installer: (real) => ({
        ...real,
        install: async (image, signal) => {
          await installing.pass(); // Does not listen to the signal.
          await real.install(image, signal).catch(() => undefined);
        },
        arm: async (image, signal) => {
          armed.push(image.version);
          await real.arm(image, signal);
        },
      }),
    });
    await service.callMethod("firmwareUpdate", request);
    await installing.reached;
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 200 });
    installing.open();
    await untilTidied(board);
    expect([armed, await board.runningVersion(), (await board.saved())?.update.phase]).toStrictEqual([
      [],
      "1.0.0",
      "cancelled",
    ]);
  });

  it("lets a reboot go on that waited for it", async () => {
    const installing = new Gate();
    let isHeld = true;
    const { service, request, board } = await setUpUpdate({
      installer: (real) => ({
        ...real,
        install: async (image, signal) => {
          if (isHeld) await installing.pass(signal);
          await real.install(image, signal);
        },
      }),
    });
    await service.callMethod("firmwareUpdate", { ...request, apply: "manual" });
    await service.untilReported("boardkeeper.update.phase", "staged");
    await service.callMethod("rebootDevice", { delaySeconds: 1 });
    await service.callMethod("applyFirmwareUpdate", null);
    await installing.reached;
    await service.untilReported("boardkeeper.reboot.phase", "waiting");
    isHeld = false;
    expect(await service.callMethod("cancelFirmwareUpdate", null)).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(await board.runningVersion()).toBe("1.0.0");
  });
});
