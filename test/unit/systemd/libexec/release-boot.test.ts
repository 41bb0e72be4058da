import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatTrial, parseTrial, type Trial } from "../../../../agent/install-helper/installers/release/trial.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const armed: Trial = { operationId: "op-1", version: "2", before: "1", bootId: "b-0", boots: 0 };

/** A board with the releases 1 and 2, of which the second runs on trial. */
async function boardWith(trial: string | undefined, current = "releases/2") {
  const folder = await temporaryFolder();
  for (const version of ["1", "2"]) await mkdir(join(folder, "releases", version), { recursive: true });
  await symlink(current, join(folder, "current"));
  if (trial !== undefined) await writeFile(join(folder, "trial"), trial);
  return {
    folder,
    /** @param fakes programs that do something else */
    boot: async (bootId: string, fakes: Readonly<Record<string, string>> = {}) => {
      const bin = join(folder, "bin");
      await mkdir(bin, { recursive: true });
      for (const [name, script] of Object.entries(fakes)) {
        await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
        await chmod(join(bin, name), 0o755);
      }
      const { status, stdout, stderr } = spawnSync("systemd/libexec/release-boot", {
        env: {
          PATH: Object.keys(fakes).length > 0 ? `${bin}:${process.env["PATH"]}` : process.env["PATH"],
          BOARDKEEPER_RELEASES: folder,
          BOARDKEEPER_BOOT_ID: bootId,
        },
        encoding: "utf8",
      });
      return { status, said: stdout + stderr };
    },
    current: () => readlink(join(folder, "current")).catch(() => "none"),
    trial: async () => parseTrial(await readFile(join(folder, "trial"), "utf8").catch(() => undefined)),
    fellBack: async () => parseTrial(await readFile(join(folder, "fell-back"), "utf8").catch(() => undefined)),
  };
}

describe("release-boot", () => {
  it("lets a release start twice, and goes back at the third start", async () => {
    const { boot, current, trial, fellBack } = await boardWith(formatTrial(armed));
    for (const [boots, bootId] of [
      [1, "b-1"],
      [2, "b-2"],
    ] as const) {
      expect(await boot(bootId)).toMatchObject({ status: 0, said: expect.stringContaining(`start ${boots} of 2`) });
      expect(await trial()).toStrictEqual({ ...armed, bootId, boots });
      expect(await current()).toBe("releases/2");
    }
    expect(await boot("b-3")).toMatchObject({ status: 0, said: expect.stringContaining("goes back to 1") });
    expect(await current()).toBe("releases/1");
    expect(await trial()).toBeUndefined();
    expect(await fellBack()).toStrictEqual({ ...armed, bootId: "b-3", boots: 3 });
    expect(await boot("b-4")).toStrictEqual({ status: 0, said: "" });
    expect(await current()).toBe("releases/1");
  });

  it("counts a boot once, also the one in which the release was armed", async () => {
    const { boot, trial } = await boardWith(formatTrial(armed));
    await boot("b-0");
    expect(await trial()).toMatchObject({ boots: 0 });
    await boot("b-1");
    await boot("b-1");
    expect(await trial()).toMatchObject({ boots: 1 });
  });

  it("goes back from a first release to none", async () => {
    const { boot, current, fellBack } = await boardWith(formatTrial({ ...armed, before: null, boots: 2 }));
    expect(await boot("b-3")).toMatchObject({ status: 0, said: expect.stringContaining("goes back to none") });
    expect(await current()).toBe("none");
    expect(await fellBack()).toMatchObject({ operationId: "op-1", before: null });
  });

  it.each([
    ["without a trial", undefined, "releases/2"],
    [
      "with a trial that was not switched to, or from which the agent has gone back",
      formatTrial({ ...armed, boots: 2 }),
      "releases/1",
    ],
  ])("does nothing %s", async (_what, text, to) => {
    const { boot, current, fellBack } = await boardWith(text, to);
    expect(await boot("b-3")).toStrictEqual({ status: 0, said: "" });
    expect(await current()).toBe(to);
    expect(await fellBack()).toBeUndefined();
  });

  it("does nothing on a board that has no releases", async () => {
    const { status } = spawnSync("systemd/libexec/release-boot", {
      env: { ...process.env, BOARDKEEPER_RELEASES: "/nowhere" },
    });
    expect(status).toBe(0);
  });

  it.each([
    ["another program's text", "hello\n"],
    ["a path", formatTrial({ ...armed, before: "../../etc" })],
    ["a name with a command", formatTrial({ ...armed, version: "$(id)" })],
    ["an option", formatTrial({ ...armed, before: "-rf" })],
    ["nothing", ""],
  ])("leaves a release alone where the trial holds %s", async (_what, text) => {
    const { boot, current } = await boardWith(text);
    expect(await boot("b-3")).toMatchObject({ status: 1, said: expect.stringContaining("damaged") });
    expect(await current()).toBe("releases/2");
  });

  it.each(["", "x", "-1", "99999999999999999999"])("takes the count %j for too many", async (count) => {
    const { boot, current } = await boardWith(formatTrial(armed).replace("boots=0", `boots=${count}`));
    await boot("b-3");
    expect(await current()).toBe("releases/1");
  });

  it("does not go back to what is gone", async () => {
    const { boot, current } = await boardWith(formatTrial({ ...armed, before: "0", boots: 2 }));
    expect(await boot("b-3")).toMatchObject({ status: 1, said: expect.stringContaining("0, is gone") });
    expect(await current()).toBe("releases/2");
  });

  it.each(["1", "2", "3", "4"])("goes back also when it was cut off at its %sth sync", async (nth) => {
    const { folder, boot, current, fellBack } = await boardWith(formatTrial({ ...armed, boots: 2 }));
    const sync = `echo x >>${folder}/syncs; [ $(wc -l <${folder}/syncs) -ne ${nth} ] || kill -9 $PPID`;
    await boot("b-3", { sync });
    await boot("b-4");
    expect(await current()).toBe("releases/1");
    expect(await fellBack()).toMatchObject({ operationId: "op-1" });
    expect(existsSync(join(folder, "trial"))).toBe(false);
  });

  it("goes back by the link that was made ready, without another", async () => {
    const { folder, boot, current } = await boardWith(formatTrial({ ...armed, boots: 2 }));
    await symlink("releases/1", join(folder, "back"));
    await boot("b-3", { ln: "exit 1" });
    expect(await current()).toBe("releases/1");
    expect(existsSync(join(folder, "back"))).toBe(false);
  });

  it("makes the link itself where another was made ready", async () => {
    const { folder, boot, current } = await boardWith(formatTrial({ ...armed, boots: 2 }));
    await symlink("releases/2", join(folder, "back"));
    await boot("b-3");
    expect(await current()).toBe("releases/1");
  });

  it("counts in the file that is there where the disk takes no other", async () => {
    const { folder, boot, current, trial, fellBack } = await boardWith(formatTrial(armed));
    await symlink("/dev/full", join(folder, "trial.new"));
    for (const bootId of ["b-1", "b-2", "b-3"]) {
      expect(await current()).toBe("releases/2");
      await rm(join(folder, "trial.new"), { force: true });
      await symlink("/dev/full", join(folder, "trial.new"));
      expect(await boot(bootId)).toMatchObject({ status: 0 });
      expect((await trial())?.bootId).toBe(bootId === "b-3" ? undefined : bootId);
    }
    expect(await current()).toBe("releases/1");
    expect(await fellBack()).toStrictEqual({ ...armed, bootId: "b-3", boots: 3 });
  });

  it("goes back at once where a start cannot be counted at all", async () => {
    const { boot, current, fellBack } = await boardWith(formatTrial(armed));
    expect(await boot("b-1", { sync: "[ $1 = . ]" })).toMatchObject({
      status: 0,
      said: expect.stringContaining("cannot be counted"),
    });
    expect(await current()).toBe("releases/1");
    expect(await fellBack()).toMatchObject({ operationId: "op-1" });
  });

  it("says so where it cannot go back either, and goes on at the next start", async () => {
    const { folder, boot, current } = await boardWith(formatTrial(armed));
    await symlink("releases/1", join(folder, "back"));
    expect(await boot("b-1", { sync: "exit 1", mv: "exit 1" })).toMatchObject({
      status: 1,
      said: expect.stringContaining("read-only or broken"),
    });
    expect(await current()).toBe("releases/2");
    for (const bootId of ["b-2", "b-3", "b-4"]) await boot(bootId);
    expect(await current()).toBe("releases/1");
  });
});
