import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseBoardConfig } from "../../../../../../agent/config/board-config.ts";
import { unitsViaRestartHelper } from "../../../../../../agent/install-helper/installers/release/units.ts";
import { temporaryFolder } from "../../../../../support/temporary-folder.ts";

const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
const uptimeSeconds = async (): Promise<number> => Number.parseFloat(await readFile("/proc/uptime", "utf8"));
const never = new AbortController().signal;

/** Root without a capability, as the helper's unit has it; somebody else never had one. */
const [program, ...args] =
  process.geteuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : (["env"] as const);

/** Root's own program with a systemd that notes its orders. */
async function startHelper({
  config = "release.units = app.service\n",
  refusal = "",
  hangs = false,
  state = "active",
} = {}) {
  const folder = await temporaryFolder();
  const [bin, restart, board] = [join(folder, "bin"), join(folder, "restart"), join(folder, "board.conf")];
  for (const one of [bin, restart]) await mkdir(one);
  await writeFile(board, config);
  const shown = `printf 'ActiveState=${state}\\nActiveEnterTimestampMonotonic=1000000\\n'`;
  const taken = refusal === "" ? "" : `echo '${refusal}' >&2; exit 1`;
  const programs = {
    systemctl: `case $1 in show) ${shown};; *) echo "$*" >>${folder}/orders; ${taken};; esac`,
    timeout: hangs ? `shift; case $2 in show) exec "$@";; *) exit 124;; esac` : 'shift; exec "$@"',
    sleep: `echo "$*" >>${folder}/pauses`,
  };
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const runHelper = (): number | null =>
    spawnSync(program, [...args, "systemd/libexec/restart-helper"], {
      env: { PATH: `${bin}:${process.env["PATH"]}`, BOARDKEEPER_RUN: folder, BOARDKEEPER_BOARD_CONF: board },
    }).status;
  let requests = 0;
  return {
    folder,
    board,
    restart,
    runHelper,
    orders: () => readFile(join(folder, "orders"), "utf8").catch(() => ""),
    answer: () => readFile(join(restart, "answer"), "utf8").catch(() => ""),
    /** Root's install helper; while it waits, what the test says is done. */
    units: (meanwhile: () => unknown = runHelper, uptimes: number[] = []) =>
      unitsViaRestartHelper({
        folder: restart,
        bootId,
        timer: { after: async () => void (await meanwhile()) },
        newId: () => `0e2f-${(requests += 1)}`,
        uptimeSeconds: async () => uptimes.shift() ?? (await uptimeSeconds()),
      }),
  };
}

describe("root's restart helper", () => {
  it("restarts the owner's units, after it has forgotten their failures", async () => {
    const { units, orders, restart } = await startHelper({
      config: "# mine\n\nrelease.keep=3\n  release.units =  a.service\tb@1.timer \n",
    });
    await units().restart(never);
    expect(await orders()).toBe("reset-failed -- a.service b@1.timer\nrestart -- a.service b@1.timer\n");
    expect(existsSync(join(restart, "request"))).toBe(false);
  });

  it("stops them, and says how they are", async () => {
    const { units, orders } = await startHelper();
    await units().stop(never);
    expect(await orders()).toBe("stop -- app.service\n");
    const before = await uptimeSeconds();
    const [app] = await units().states(never);
    expect(app).toMatchObject({ name: "app.service", state: "active" });
    // It became active in the second second after the start of the machine.
    expect(app?.activeSeconds).toBeGreaterThanOrEqual(Math.floor(before) - 1);
    expect(app?.activeSeconds).toBeLessThanOrEqual(Math.floor(await uptimeSeconds()) - 1);
  });

  it("counts no seconds for a unit that is not active", async () => {
    const { units } = await startHelper({ state: "failed" });
    expect(await units().states(never)).toStrictEqual([{ name: "app.service", state: "failed", activeSeconds: 0 }]);
  });

  it("answers any number of requests", async () => {
    const { units, orders } = await startHelper();
    for (let time = 1; time <= 10; time += 1) await units().stop(never);
    expect((await orders()).split("\n")).toHaveLength(11);
  });

  it("says why a unit did not start", async () => {
    const { units } = await startHelper({ refusal: "Unit app.service not found." });
    await expect(units().restart(never)).rejects.toMatchObject({
      code: "installer-failed",
      message: "The units did not start: Unit app.service not found.. Their logs say why: journalctl -u app.service",
    });
  });

  it("does not wait for ever for a unit that does not start", async () => {
    const { units } = await startHelper({ hangs: true });
    await expect(units().restart(never)).rejects.toThrow("it took longer than 100 s");
  });

  it.each([
    ["names no units", "release.keep = 3\n", "names no units"],
    ["is empty", "", "names no units"],
    ["names none behind the key", "release.units =\n", "names no units"],
    ["names them twice", "release.units = a.service\nrelease.units = b.service\n", "names them twice"],
    ["has a comment instead", "# release.units = a.service\n", "names no units"],
    ["names the agent", "release.units = a.service boardkeeper-agent.service\n", "belongs to the agent"],
    ["names a mount", "release.units = var.mount\n", "no unit that can be restarted"],
    ["names a path", "release.units = /etc/x.service\n", "a unit that is none"],
    ["names an option", "release.units = --force.service\n", "a unit that is none"],
    ["has a command", "release.units = $(touch orders).service\n", "a unit that is none"],
    ["has a star", "release.units = *.service\n", "a unit that is none"],
    ["has nothing before the type", "release.units = .service\n", "a unit that is none"],
  ])("does nothing where board.conf %s", async (_what, config, why) => {
    const { units, orders } = await startHelper({ config });
    const asking = units().restart(never);
    await expect(asking).rejects.toMatchObject({
      code: "installer-not-allowed",
      message: expect.stringContaining(why),
    });
    expect(await orders()).toBe("");
  });

  it.each([
    ["line ends of Windows", "release.units = app.service\r\nrelease.keep = 3\r\n"],
    ["a byte order mark", "\uFEFFrelease.units = app.service\n"],
    ["a space that is no space", "release.units = a.service\u00A0b.service\n"],
    ["a vertical tab", "release.units = a.service\vb.service\n"],
    ["the agent's own unit", "release.units = boardkeeper-agent.service\n"],
    ["a mount", "release.units = var.mount\n"],
    ["an option", "release.units = --force.service\n"],
  ])("obeys no board.conf with %s, which the installer does not obey either", async (_what, config) => {
    const { units } = await startHelper({ config });
    await expect(units().restart(never)).rejects.toMatchObject({ code: "installer-not-allowed" });
    expect(parseBoardConfig(config)).toMatchObject({ ok: false });
  });

  it.each<[string, (board: string, folder: string) => Promise<unknown>]>([
    ["that others may write to", async (board) => await chmod(board, 0o666)],
    ["in a folder that others may write to", async (_board, folder) => await chmod(folder, 0o777)],
    ["that is not there", async (board) => spawnSync("rm", [board])],
    [
      "that is a link",
      async (board, folder) => {
        spawnSync("mv", [board, join(folder, "other")]);
        await symlink("other", board);
      },
    ],
    [
      "that is a folder",
      async (board) => {
        spawnSync("rm", [board]);
        await mkdir(board);
      },
    ],
  ])("does nothing with a board.conf %s", async (_what, change) => {
    const { board, folder, units, orders } = await startHelper();
    await change(board, folder);
    await expect(units().restart(never)).rejects.toMatchObject({ code: "installer-not-allowed" });
    expect(await orders()).toBe("");
  });

  it.each([
    ["another boot", { boot: "f355ad43-0000-0000-0000-000000000000" }, "of another boot"],
    ["a time that is over", { until: "1" }, "has expired"],
    ["a time that is far away", { until: "4294967295" }, "longer than a minute"],
    ["a time with a command in it", { until: "$(touch orders)" }, "no valid time limit"],
    ["another action", { action: "mask" }, "no known action"],
    ["an id that is none", { request: "../../etc/passwd" }, "no id"],
    ["a unit", { unit: "ssh.service" }, "unknown line"],
  ])("does nothing for a request with %s", async (_what, changes, why) => {
    const { restart, runHelper, orders, answer } = await startHelper();
    const good = {
      request: "0e2f-1",
      boot: bootId,
      until: String(Math.floor(await uptimeSeconds()) + 30),
      action: "restart",
    };
    const lines = Object.entries({ ...good, ...changes }).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(join(restart, "request"), lines.join(""));
    expect(runHelper()).toBe(0);
    expect(await answer()).toMatch(new RegExp(`verdict=(?:refused|expired)\nwhy=.*${why}`));
    expect(await orders()).toBe("");
    expect(existsSync(join(restart, "request"))).toBe(false);
  });

  it("does nothing where nobody asks, and does not wait at a pipe or read through a link", async () => {
    const { restart, runHelper, orders, answer } = await startHelper();
    const request = join(restart, "request");
    expect(runHelper()).toBe(0);
    expect(await answer()).toBe("");
    spawnSync("mkfifo", [request]);
    expect(runHelper()).toBe(0);
    expect(await answer()).toContain("is not a file");
    await symlink("/etc/passwd", request);
    expect(runHelper()).toBe(0);
    expect(await answer()).toContain("is not a file");
    await mkdir(join(request, "within"), { recursive: true });
    expect(runHelper()).toBe(0);
    expect(await answer()).toContain("is not a file");
    expect(existsSync(request)).toBe(false);
    expect(await orders()).toBe("");
  });
});

describe("the install helper as a client of the restart helper", () => {
  it("takes its request back when nobody comes, and says where to look", async () => {
    const { units, restart } = await startHelper();
    await expect(units(() => undefined).restart(never)).rejects.toThrow(/did not answer.*boardkeeper-restart\.path/);
    expect(existsSync(join(restart, "request"))).toBe(false);
  });

  it("asks again when its request has expired behind that of a caller that was killed", async () => {
    const { units, orders, runHelper } = await startHelper();
    // It was written when the board had been up for a second: it has waited since then.
    await units(runHelper, [1]).restart(never);
    expect(await orders()).toBe("reset-failed -- app.service\nrestart -- app.service\n");
  });

  it("does not ask for ever", async () => {
    const { units, orders, runHelper } = await startHelper();
    await expect(units(runHelper, [1, 1]).restart(never)).rejects.toMatchObject({
      code: "installer-failed",
      message: "The request has expired. Request the update again.",
    });
    expect(await orders()).toBe("");
  });

  it("takes no answer to another request, and none that is cut off", async () => {
    const { units, restart, answer, runHelper } = await startHelper();
    const halfDone = async (): Promise<void> => {
      if (!existsSync(join(restart, "request"))) return;
      runHelper();
      await writeFile(join(restart, "answer"), (await answer()).slice(0, -1));
    };
    await expect(units(halfDone).restart(never)).rejects.toMatchObject({ code: "installer-timed-out" });
  });

  it("stops waiting when nobody wants it any more, and takes its request back", async () => {
    const { units, restart } = await startHelper();
    const stop = new AbortController();
    const waiting = units(() => {
      stop.abort();
      throw new Error("stopped");
    }).restart(stop.signal);
    await expect(waiting).rejects.toThrow("stopped");
    expect(existsSync(join(restart, "request"))).toBe(false);
  });
});
