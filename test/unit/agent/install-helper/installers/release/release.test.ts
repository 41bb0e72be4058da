import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { HelperInstaller, VerifiedFile } from "../../../../../../agent/install-helper/installers/installer.ts";
import { AgentError } from "../../../../../../agent/lib/errors.ts";
import { startReleaseBoard as board } from "../../../../../support/release-board.ts";
import { tarOf } from "../../../../../support/tar.ts";

const never = new AbortController().signal;

/** Installs and arms a release, and commits it. */
async function update(installer: HelperInstaller, image: VerifiedFile): Promise<void> {
  await installer.prepare(image, never);
  await installer.install(image, never);
  await installer.arm(image, never);
  await installer.commit(image, never);
}

describe("the installer release", () => {
  it("unpacks a release beside the others, switches to it, and restarts the units", async () => {
    const { folder, orders, start, imageOf, current } = await board();
    const installer = start();
    const image = await imageOf("1.0.0");
    expect(await installer.runningVersion(never)).toBeNull();
    await installer.prepare(image, never);
    expect(existsSync(join(folder, "releases/1.0.0"))).toBe(false);
    await installer.install(image, never);
    expect(await current()).toBe("none");
    expect(orders).toStrictEqual([]);
    await installer.arm(image, never);
    expect(await current()).toBe("releases/1.0.0");
    expect(orders).toStrictEqual(["restart releases/1.0.0"]);
    expect(await readFile(join(folder, "current/VERSION"), "utf8")).toBe("1.0.0");
    expect(((await stat(join(folder, "current/"))).mode & 0o777).toString(8)).toBe("555");
    expect(await installer.runningVersion(never)).toBe("1.0.0");
    await expect(installer.healthy(image, never)).resolves.toBeUndefined();
    await installer.commit(image, never);
    expect((await readdir(folder)).toSorted()).toStrictEqual(["current", "proven", "releases"]);
  });

  it("goes back to the release that this update has replaced", async () => {
    const { orders, start, imageOf, current, folder } = await board();
    const installer = start();
    await update(installer, await imageOf("1"));
    const second = await imageOf("2");
    await installer.install(second, never);
    await installer.arm(second, never);
    expect(await readlink(join(folder, "back"))).toBe("releases/1");
    await installer.revert(second, never);
    expect(await current()).toBe("releases/1");
    expect(orders).toStrictEqual(["restart releases/1", "restart releases/2", "restart releases/1"]);
    await installer.revert(second, never);
    expect(orders).toHaveLength(3);
    expect(await readdir(folder)).toStrictEqual(["current", "proven", "releases"]);
  });

  it("goes back from a first release to none, and stops the units", async () => {
    const { orders, start, imageOf, current } = await board();
    const installer = start();
    const image = await imageOf("1");
    await installer.install(image, never);
    await installer.arm(image, never);
    await installer.revert(image, never);
    expect(await current()).toBe("none");
    expect(orders).toStrictEqual(["restart releases/1", "stop"]);
    expect(await installer.runningVersion(never)).toBeNull();
  });

  it("reverts nothing for an update that has switched nothing", async () => {
    const { orders, start, imageOf, current } = await board();
    const installer = start();
    await update(installer, await imageOf("1"));
    const second = await imageOf("2");
    await installer.install(second, never);
    await installer.revert(second, never);
    await installer.revert(await imageOf("3"), never);
    expect(await current()).toBe("releases/1");
    expect(orders).toHaveLength(1);
  });

  it("goes back to what was proven, past a release whose update nobody has ended", async () => {
    const { start, imageOf, current } = await board();
    const installer = start();
    await update(installer, await imageOf("1"));
    const lost = await imageOf("2");
    await installer.install(lost, never);
    await installer.arm(lost, never);
    const third = await imageOf("3");
    await installer.install(third, never);
    await installer.arm(third, never);
    await installer.revert(third, never);
    expect(await current()).toBe("releases/1");
  });

  it.each(["prepare", "install", "arm", "commit", "revert"] as const)(
    "%s may be repeated by another process",
    async (verb) => {
      const { start, imageOf, current, names } = await board();
      await update(start(), await imageOf("1"));
      const image = await imageOf("2");
      for (const one of ["prepare", "install", "arm", verb === "revert" ? "revert" : "commit"] as const) {
        await start()[one](image, never);
        if (one === verb) await start("b-2")[one](image, never);
      }
      expect(await current()).toBe(verb === "revert" ? "releases/1" : "releases/2");
      expect(await names()).toStrictEqual([".1.sha256", ".2.sha256", "1", "2"]);
    },
  );

  it("arms again without forgetting what to go back to, or how often the board has started", async () => {
    const { folder, start, imageOf, current } = await board();
    await update(start(), await imageOf("1"));
    const image = await imageOf("2");
    await start().install(image, never);
    await start().arm(image, never);
    const trial = join(folder, "trial");
    await writeFile(trial, (await readFile(trial, "utf8")).replace("boots=0", "boots=1"));
    await start("b-2").arm(image, never);
    expect(await readFile(trial, "utf8")).toBe("operation=op-2\nversion=2\nbefore=1\nboot=b-2\nboots=1\n");
    await start("b-2").revert(image, never);
    expect(await current()).toBe("releases/1");
  });

  it("does not arm again what the board has given up while it started", async () => {
    const { folder, start, imageOf, current } = await board();
    await update(start(), await imageOf("1"));
    const image = await imageOf("2");
    await start().install(image, never);
    await writeFile(join(folder, "fell-back"), "operation=op-2\nversion=2\nbefore=1\nboot=b-2\nboots=3\n");
    await expect(start("b-2").arm(image, never)).rejects.toMatchObject({ code: "fell-back" });
    await expect(start("b-2").healthy(image, never)).rejects.toMatchObject({ code: "fell-back" });
    expect(await current()).toBe("releases/1");
    await start("b-2").arm({ ...image, operationId: "op-again" }, never);
    expect(await current()).toBe("releases/2");
    expect(existsSync(join(folder, "fell-back"))).toBe(false);
  });

  it("keeps as many proven releases as the owner wants, and none that were not proven", async () => {
    const { start, imageOf, names } = await board({ keep: 3 });
    for (const version of ["1", "2", "3"]) await update(start(), await imageOf(version));
    const bad = await imageOf("bad");
    await start().install(bad, never);
    await start().arm(bad, never);
    await start().revert(bad, never);
    await update(start(), await imageOf("4"));
    expect(await names()).toStrictEqual([".2.sha256", ".3.sha256", ".4.sha256", "2", "3", "4"]);
  });

  it("is committed, whatever fails in tidying up afterwards", async () => {
    const { state, journal, start, imageOf } = await board();
    for (const version of ["1", "2"]) await update(start(), await imageOf(version));
    const image = await imageOf("3");
    await start().install(image, never);
    await start().arm(image, never);
    state.configError = new AgentError("board-config-invalid", "line 3 of board.conf");
    await expect(start().commit(image, never)).resolves.toBeUndefined();
    expect(journal).toStrictEqual([expect.stringContaining("line 3 of board.conf")]);
    await expect(start().revert(image, never)).rejects.toThrow("The release 3 is committed");
  });

  it("keeps the release before, however few are to be kept", async () => {
    const { start, imageOf, names } = await board({ keep: 1 });
    for (const version of ["1", "2", "3"]) await update(start(), await imageOf(version));
    expect(await names()).toStrictEqual([".2.sha256", ".3.sha256", "2", "3"]);
  });

  it("installs another image of a version in place of one that does not run, and never of the running one", async () => {
    const { folder, start, imageOf } = await board();
    await update(start(), await imageOf("1"));
    await start().install(await imageOf("2"), never);
    await start().install(await imageOf("2", tarOf({ name: "other" })), never);
    expect(await readdir(join(folder, "releases/2"))).toStrictEqual(["other"]);
    const same = await imageOf("1", tarOf({ name: "other" }));
    for (const verb of ["prepare", "install", "arm"] as const)
      await expect(start()[verb](same, never)).rejects.toMatchObject({ code: "version-in-use" });
  });

  it("installs a release anew whose mark was never written", async () => {
    const { folder, start, imageOf } = await board();
    const image = await imageOf("1");
    await start().install(image, never);
    await rm(join(folder, "releases/.1.sha256"));
    await chmod(join(folder, "releases/1"), 0o755);
    await rm(join(folder, "releases/1/VERSION"), { force: true });
    await expect(start().arm(image, never)).rejects.toMatchObject({ code: "installer-failed" });
    await start().install(image, never);
    expect(await readFile(join(folder, "releases/1/VERSION"), "utf8")).toBe("1");
  });

  it("removes what an interrupted call has left", async () => {
    const { folder, start, imageOf, names } = await board();
    for (const name of [".unpacked.new", ".removed"]) {
      await mkdir(join(folder, "releases", name, "deep"), { recursive: true });
      await chmod(join(folder, "releases", name, "deep"), 0o555);
      await chmod(join(folder, "releases", name), 0o555);
    }
    await start().install(await imageOf("1"), never);
    expect(await names()).toStrictEqual([".1.sha256", "1"]);
  });

  it("refuses a hostile archive with its code, and leaves nothing of it", async () => {
    const { start, imageOf, names } = await board();
    const image = await imageOf("1", tarOf({ name: "a" }, { name: "../b" }));
    for (const verb of ["prepare", "install"] as const)
      await expect(start()[verb](image, never)).rejects.toMatchObject({ code: "archive-unsafe" });
    expect(await names()).toStrictEqual([]);
  });

  it("leaves nothing of a release whose installation was stopped", async () => {
    const { start, imageOf, names } = await board();
    const image = await imageOf("1");
    const installer = start();
    await installer.prepare(image, never);
    await expect(installer.install(image, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
    expect(await names()).toStrictEqual([]);
  });

  it("needs room for the release", async () => {
    const { start, imageOf } = await board({ freeBytes: 64 * 1_048_576 + 1_000 });
    await expect(start().prepare(await imageOf("1"), never)).rejects.toMatchObject({ code: "no-space" });
    const { start: again, imageOf: other } = await board({ freeBytes: 64 * 1_048_576 + 3_000 });
    await expect(again().prepare(await other("1"), never)).rejects.toMatchObject({
      code: "no-space",
      message: expect.stringContaining("1 files and folders"),
    });
  });

  it("needs to know which units run a release", async () => {
    const { start, imageOf } = await board({ unitNames: [] });
    await expect(start().prepare(await imageOf("1"), never)).rejects.toThrow("release.units = app.service");
  });

  it("tells why the units did not start, and goes back", async () => {
    const { state, start, imageOf, current } = await board();
    await update(start(), await imageOf("1"));
    const image = await imageOf("2");
    await start().install(image, never);
    state.restartError = new AgentError("installer-failed", "app.service did not start");
    await expect(start().arm(image, never)).rejects.toThrow("app.service did not start");
    state.restartError = undefined;
    await start().revert(image, never);
    expect(await current()).toBe("releases/1");
  });

  it.each([
    ["failed", 0, "app.service is failed"],
    ["activating", 0, "app.service is activating"],
    ["active", 4, "started 4 s ago"],
  ])("is not healthy with a unit that is %s for %i s", async (unitState, activeSeconds, why) => {
    const { state, start, imageOf } = await board();
    const image = await imageOf("1");
    await start().install(image, never);
    await start().arm(image, never);
    state.units = [{ name: "app.service", state: unitState, activeSeconds }];
    await expect(start().healthy(image, never)).rejects.toMatchObject({
      code: "not-proven",
      message: expect.stringContaining(why),
    });
  });

  it("commits only what runs", async () => {
    const { start, imageOf } = await board();
    await update(start(), await imageOf("1"));
    const image = await imageOf("2");
    await start().install(image, never);
    await expect(start().commit(image, never)).rejects.toMatchObject({ code: "installer-failed" });
  });

  it("says when the release to go back to is gone", async () => {
    const { folder, start, imageOf, current } = await board();
    await update(start(), await imageOf("1"));
    const image = await imageOf("2");
    await start().install(image, never);
    await start().arm(image, never);
    await rm(join(folder, "releases/.1.sha256"));
    await expect(start().revert(image, never)).rejects.toThrow("The release before, 1, is no longer");
    expect(await current()).toBe("releases/2");
  });

  it.each(["/etc", "releases/../../etc", "releases/missing", "elsewhere"])(
    "takes no current that leads to %s",
    async (to) => {
      const { folder, start } = await board();
      await symlink(to, join(folder, "current"));
      expect(await start().runningVersion(never)).toBeNull();
    },
  );

  it("names what the disk refuses", async () => {
    const { folder, start, imageOf } = await board();
    await writeFile(join(folder, "releases"), "");
    await expect(start().prepare(await imageOf("1"), never)).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringContaining(folder),
    });
  });
});
