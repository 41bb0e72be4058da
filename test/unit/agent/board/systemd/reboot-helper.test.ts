import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rebootViaHelper } from "../../../../../agent/board/systemd/reboot-helper.ts";
import { systemTimer } from "../../../../../agent/board/hardware/clocks.ts";
import type { Timer } from "../../../../../agent/lib/clock.ts";
import type { Inhibitor } from "../../../../../agent/reboot/inhibited-message.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
const uptimeSeconds = async (): Promise<number> => Number.parseFloat(await readFile("/proc/uptime", "utf8"));
const never = new AbortController().signal;
let requests = 0;

/** Root without a capability, as the helper's unit has it; somebody else never had one. */
const [program, ...args] =
  process.geteuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : (["env"] as const);

/** A folder as tmpfiles.d makes it, and root's own program with a systemd that notes its orders. */
async function startHelper({ held = "", refusal = "", logind = "answers" } = {}): Promise<{
  readonly folder: string;
  readonly request: string;
  /** Runs root's program once, as its path unit does. */
  readonly runHelper: () => number | null;
  /** Each order that systemd was given. */
  readonly orders: () => Promise<string>;
  readonly answer: () => Promise<string>;
}> {
  const folder = await temporaryFolder();
  const bin = join(folder, "bin");
  for (const name of ["requests", "taken", "answers", "bin"]) await mkdir(join(folder, name));
  const taken = refusal === "" ? `echo "$*" >>${folder}/orders` : `echo '${refusal}' >&2; exit 1`;
  const programs = {
    systemctl: taken,
    busctl: logind === "answers" ? `echo 's "${held}"'` : "exit 1",
    // What a program that outlives its time ends with.
    timeout: logind === "answers" ? 'shift; exec "$@"' : "exit 124",
    sleep: `echo "$*" >>${folder}/pauses`,
  };
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return {
    folder,
    request: join(folder, "requests", "reboot"),
    runHelper: () =>
      spawnSync(program, [...args, "systemd/libexec/reboot-helper"], {
        env: { PATH: `${bin}:${process.env["PATH"]}`, BOARDKEEPER_RUN: folder },
      }).status,
    orders: () => readFile(join(folder, "orders"), "utf8").catch(() => ""),
    answer: () => readFile(join(folder, "answers", "reboot"), "utf8").catch(() => ""),
  };
}

/** The agent's side of it. While it waits for the answer, what the test says is done. */
function agentAt(folder: string, meanwhile: () => unknown, inhibitors: readonly Inhibitor[] = []) {
  const timer: Timer = { after: async () => void (await meanwhile()) };
  return rebootViaHelper({
    folder,
    bootId,
    timer,
    newId: () => `0e2f-${(requests += 1)}`,
    uptimeSeconds,
    inhibitors: async () => inhibitors,
  });
}

describe("root's reboot helper", () => {
  it("orders what the agent asks for, takes the request away, and says so", async () => {
    const { folder, request, runHelper, orders } = await startHelper();
    await agentAt(folder, runHelper)({ force: false }, never);
    expect(await orders()).toBe("reboot -i\n");
    expect(existsSync(request)).toBe(false);
  });

  it("answers any number of requests", async () => {
    const { folder, runHelper, orders } = await startHelper();
    for (let time = 1; time <= 10; time += 1) await agentAt(folder, runHelper)({ force: false }, never);
    expect((await orders()).split("\n")).toHaveLength(11);
  });

  it("refuses while an inhibitor is held: it asks logind itself, and the agent says who holds it", async () => {
    const { folder, runHelper, orders } = await startHelper({ held: "sleep:shutdown:idle" });
    const asking = agentAt(folder, runHelper, [{ who: "apt", why: "upgrading" }])({ force: false }, never);
    await expect(asking).rejects.toMatchObject({
      code: "inhibited",
      message: expect.stringContaining("apt (upgrading)"),
    });
    expect(await orders()).toBe("");
  });

  it.each([
    ["force", "sleep:shutdown", true],
    ["inhibitors of something else", "handle-lid-switch:sleep", false],
    ["nothing held", "", false],
  ])("reboots with %s", async (_what, held, force) => {
    const { folder, runHelper, orders } = await startHelper({ held });
    await agentAt(folder, runHelper)({ force }, never);
    expect(await orders()).toBe("reboot -i\n");
  });

  it.each([false, true])("orders without a logind that does not answer (force: %s)", async (force) => {
    const { folder, runHelper, orders } = await startHelper({ logind: "hangs" });
    await agentAt(folder, runHelper)({ force }, never);
    expect(await orders()).toBe("start --no-block --job-mode=replace-irreversibly reboot.target\n");
  });

  it("says why systemd did not take the order", async () => {
    const { folder, runHelper } = await startHelper({ refusal: "Unit reboot.target is masked." });
    const asking = agentAt(folder, runHelper)({ force: true }, never);
    await expect(asking).rejects.toThrow("Unit reboot.target is masked.");
  });

  it.each([
    ["another boot", { boot: "f355ad43-0000-0000-0000-000000000000" }, "of another boot"],
    ["no boot", { boot: "" }, "of another boot"],
    ["a time that is over", { until: "1" }, "has expired"],
    ["a time that is far away", { until: "4294967295" }, "longer than a minute"],
    ["a time that is none", { until: "1e9" }, "no valid time limit"],
    ["a time with a command in it", { until: "$(touch orders)" }, "no valid time limit"],
    ["a time beyond all numbers", { until: "99999999999999999999" }, "no valid time limit"],
    ["no word about force", { force: "maybe" }, "whether to force"],
    ["an id that is none", { request: "../../etc/passwd" }, "no id"],
    ["a line more", { shell: "id" }, "unknown line"],
  ])("does nothing for a request with %s", async (_what, changes, why) => {
    const { request, runHelper, orders, answer } = await startHelper();
    const good = {
      request: "0e2f-1",
      boot: bootId,
      until: String(Math.floor(await uptimeSeconds()) + 30),
      force: "yes",
    };
    const lines = Object.entries({ ...good, ...changes }).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(request, lines.join(""));
    expect(runHelper()).toBe(0);
    expect(await answer()).toMatch(new RegExp(`verdict=refused\nwhy=.*${why}`));
    expect(await orders()).toBe("");
    expect(existsSync(request)).toBe(false);
  });

  it("reads nothing through a link, and leaves what it leads to alone", async () => {
    const { folder, request, runHelper, answer, orders } = await startHelper();
    const secret = join(folder, "secret");
    await writeFile(secret, `request=1\nboot=${bootId}\nuntil=${Math.floor(await uptimeSeconds()) + 30}\nforce=yes\n`);
    await symlink(secret, request);
    expect(runHelper()).toBe(0);
    expect(await answer()).toContain("is not a file");
    expect(await orders()).toBe("");
    expect(existsSync(secret)).toBe(true);
    expect(existsSync(request)).toBe(false);
  });

  it.each(["0777", "0700"])(
    "refuses a folder (mode %s) with something in it, and opens for the next one",
    async (mode) => {
      const { folder, request, runHelper, answer, orders } = await startHelper();
      await mkdir(join(request, "within", "deeper"), { recursive: true });
      await chmod(request, Number.parseInt(mode, 8));
      expect(runHelper()).toBe(0);
      expect(await answer()).toContain("is not a file");
      expect(existsSync(request)).toBe(false);
      await agentAt(folder, runHelper)({ force: false }, never);
      expect(await orders()).toBe("reboot -i\n");
    },
  );

  it("pauses where the agent has shut its folder, which systemd reads all the same", async () => {
    const { folder, request, runHelper } = await startHelper();
    await writeFile(request, "");
    await chmod(join(folder, "requests"), 0);
    expect(runHelper()).not.toBe(0);
    await chmod(join(folder, "requests"), 0o700); // To be removed.
    expect(await readFile(join(folder, "pauses"), "utf8")).toBe("5\n");
  });

  it("pauses after a failure, because the bell goes on ringing", async () => {
    const { folder, request, runHelper } = await startHelper();
    await writeFile(request, "");
    await rm(join(folder, "taken"), { recursive: true });
    expect(runHelper()).not.toBe(0);
    expect(await readFile(join(folder, "pauses"), "utf8")).toBe("5\n");
  });

  it("does nothing where nobody asks, and does not wait at a pipe", async () => {
    const { request, runHelper, orders, answer } = await startHelper();
    expect(runHelper()).toBe(0);
    expect(await answer()).toBe("");
    spawnSync("mkfifo", [request]);
    expect(runHelper()).toBe(0);
    expect(await answer()).toContain("is not a file");
    expect(await orders()).toBe("");
  });
});

describe("the agent as a client of the reboot helper", () => {
  it("takes its request back when nobody comes, and says where to look", async () => {
    const { folder, request } = await startHelper();
    const asking = agentAt(folder, () => undefined)({ force: false }, never);
    await expect(asking).rejects.toThrow(/the reboot helper did not answer.*boardkeeper-reboot\.path/);
    expect(existsSync(request)).toBe(false);
  });

  it("waits for its board to go down when the request was taken and nobody answered", async () => {
    const { folder, request, runHelper, answer } = await startHelper();
    const deaf = async (): Promise<void> => {
      if (!existsSync(request)) return;
      runHelper();
      await writeFile(join(folder, "answers", "reboot"), (await answer()).replace("request=", "request=another-"));
    };
    await expect(agentAt(folder, deaf)({ force: false }, never)).resolves.toBeUndefined();
  });

  it("says what is missing on a board without the helper", async () => {
    const folder = await temporaryFolder();
    const asking = agentAt(folder, () => undefined)({ force: false }, never);
    await expect(asking).rejects.toThrow("this board has no reboot helper");
  });

  it("stops waiting when the agent stops", async () => {
    const { folder } = await startHelper();
    const reboot = rebootViaHelper({
      folder,
      bootId,
      timer: systemTimer,
      newId: () => "1",
      uptimeSeconds,
      inhibitors: async () => [],
    });
    await expect(reboot({ force: false }, AbortSignal.abort())).rejects.toThrow("abort");
  });
});
