import { existsSync } from "node:fs";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemTimer } from "../../../../../agent/board/hardware/clocks.ts";
import { installViaHelper, verifiedByHelper } from "../../../../../agent/board/systemd/install-helper.ts";
import { AgentError } from "../../../../../agent/lib/errors.ts";
import type { FileInstaller, StagedImage, StreamInstaller } from "../../../../../agent/update/ports.ts";
import { overriding } from "../../../../support/overriding.ts";
import { FakeTime } from "../../../../support/fake-time.ts";
import {
  signedGate,
  stagedImage,
  startInstallHelper,
  targetOf,
  type RunningInstallHelper,
} from "../../../../support/install-helper.ts";

const never = new AbortController().signal;

function installer(
  { socket }: Pick<RunningInstallHelper, "socket">,
  changes: Partial<Parameters<typeof installViaHelper>[0]> = {},
): StreamInstaller {
  return installViaHelper({
    socket,
    timer: systemTimer,
    bootClock: new FakeTime(),
    agentVersion: "1.0.0",
    installer: "command",
    readMetadata: async () => [],
    limitMs: 60_000,
    restart: "board",
    requireStateOutside: async () => undefined,
    ...changes,
  });
}

async function install(through: StreamInstaller, image: StagedImage, signal = never): Promise<number> {
  await through.prepare(image, signal);
  const resumeAt = await through.begin(image, signal);
  const content = await readFile(image.path);
  for (let at = resumeAt; at < content.length; at += 100_000) await through.write(content.subarray(at, at + 100_000));
  await through.finish(signal);
  return resumeAt;
}

const read = (helper: RunningInstallHelper, name: string): Promise<string> =>
  readFile(join(helper.folder, name), "utf8");

describe("installing through root's helper", () => {
  it("runs the owner's program from root's copy of the image, which stays until the commit", async () => {
    const helper = await startInstallHelper({
      script: `echo "$1 $(cat "\${BOARDKEEPER_IMAGE_PATH:-/dev/null}" | wc -c)" >>trace; [ "$1" != running-version ] || echo 2.0.0`,
    });
    const image = await stagedImage("x".repeat(300_000));
    const through = installer(helper);
    expect(await install(through, image)).toBe(0);
    await through.arm(image, never);
    expect(await through.runningVersion()).toBe("2.0.0");
    await through.healthy(image, never);
    await through.commit(image);
    expect((await read(helper, "trace")).split("\n")).toEqual([
      ...["prepare", "install", "arm"].map((verb) => `${verb} 300000`),
      "running-version 0",
      "commit 300000",
      "",
    ]);
    expect(await readdir(helper.own)).toEqual([]);
  });

  it("sends nothing that root has already", async () => {
    const helper = await startInstallHelper({
      script: `[ "$1" != install ] || [ -e again ] || { touch again; exit 1; }`,
    });
    const image = await stagedImage("x".repeat(300_000));
    const through = installer(helper);
    await expect(install(through, image)).rejects.toMatchObject({ code: "installer-failed" });
    expect(await install(installer(helper), image)).toBe(image.sizeBytes);
  });

  it("goes on where a former session was cut off", async () => {
    const helper = await startInstallHelper({ script: `cat "$BOARDKEEPER_IMAGE_PATH" >"got-$1"` });
    const image = await stagedImage(`${"x".repeat(200_000)}${"y".repeat(100_000)}`);
    const stop = new AbortController();
    const first = installer(helper);
    expect(await first.begin(image, stop.signal)).toBe(0);
    await first.write((await readFile(image.path)).subarray(0, 250_000));
    const [part = ""] = await readdir(helper.own);
    await expect.poll(async () => (await readFile(join(helper.own, part))).length).toBe(250_000);
    stop.abort(new Error("stopped"));
    expect(await install(installer(helper), image)).toBe(250_000);
    expect(await read(helper, "got-install")).toBe(await readFile(image.path, "utf8"));
  });

  it("stops the program when a step is aborted, and lets the next one begin when that has ended", async () => {
    const helper = await startInstallHelper({
      script: `trap 'sleep 0.3; echo over >>trace; exit' TERM
       echo "$1" >>trace; [ "$1" != arm ] || { touch started; sleep 600 & wait; }`,
    });
    const stop = new AbortController();
    const image = await stagedImage();
    const through = installer(helper);
    const arming = through.arm(image, stop.signal);
    await expect.poll(() => existsSync(join(helper.folder, "started"))).toBe(true);
    stop.abort(new Error("stopped"));
    await expect(arming).rejects.toThrow("stopped");
    await through.revert(image);
    expect(await read(helper, "trace")).toBe("arm\nover\nrevert\n");
  });

  it("lets other calls go on after an installation that was aborted while it began", async () => {
    const through = installer(await startInstallHelper({ script: "echo 2.0.0" }));
    const stop = new AbortController();
    const { signal } = stop;
    // In the moment in which the helper has answered: nobody calls a listener that comes later.
    const late = overriding<AbortSignal>(signal, {
      get aborted() {
        return signal.aborted;
      },
      removeEventListener: signal.removeEventListener.bind(signal),
      throwIfAborted: signal.throwIfAborted.bind(signal),
      addEventListener: (...given: Parameters<AbortSignal["addEventListener"]>) => {
        if (given[2] !== undefined) stop.abort(new Error("stopped")); // The listener that lives as long as the installation.
        signal.addEventListener(...given);
      },
    });
    await through.begin(await stagedImage(), late);
    expect(await through.runningVersion()).toBe("2.0.0");
  });

  it("says what the helper has said, with its code", async () => {
    const helper = await startInstallHelper({ script: "echo 'slot b is mounted' >&2; exit 3" });
    const image = await stagedImage();
    await expect(install(installer(helper), image)).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringMatching(/prepare ended with 3\. It said: slot b is mounted$/),
    });
    await writeFile(image.path, "AN IMAGE");
    const other = await stagedImage("another");
    await writeFile(other.path, "anOther");
    await expect(install(installer(helper), other)).rejects.toMatchObject({ code: "image-changed" });
    const full = await startInstallHelper({ freeBytes: 67_108_870 });
    await expect(install(installer(full), image)).rejects.toMatchObject({ code: "no-space" });
    await expect(installer(helper, { installer: "rauc" }).runningVersion()).rejects.toMatchObject({
      code: "no-installer",
    });
  });

  it("stops the program at the time limit, and has its last words", async () => {
    const helper = await startInstallHelper({ script: "echo slow; exec sleep 600" });
    await expect(installer(helper, { limitMs: 300 }).arm(await stagedImage(), never)).rejects.toMatchObject({
      code: "installer-timed-out",
      message: expect.stringMatching(/longer than 0.3 s and was stopped\. It said: slow/),
    });
  });

  it("says what is missing on a board without a helper", async () => {
    const missing = installer({ socket: "/nowhere/socket" });
    await expect(missing.runningVersion()).rejects.toMatchObject({
      code: "installer-failed",
      message: expect.stringMatching(/cannot be reached \(.*ENOENT.*systemctl start boardkeeper-install\.socket/),
    });
  });

  it("sends the metadata that the agent has, and says what is wrong with it where the image is not signed", async () => {
    const image = await stagedImage();
    const received: string[] = [];
    const trust = {
      ...signedGate([]),
      refresh: async (files: ReadonlyMap<string, Uint8Array>) => {
        for (const [name, bytes] of files) received.push(`${name} ${Buffer.from(bytes).toString()}`);
        throw new AgentError("metadata-expired", "Expired in 2020.");
      },
    };
    const helper = await startInstallHelper({ trust });
    const readMetadata = async (): Promise<{ name: string; bytes: Uint8Array }[]> => [
      { name: "1.root.json", bytes: Buffer.from("root") },
      { name: "timestamp.json", bytes: Buffer.from("now") },
    ];
    await expect(installer(helper, { readMetadata }).prepare(image, never)).rejects.toMatchObject({
      code: "metadata-expired",
    });
    expect(received).toEqual(["1.root.json root", "timestamp.json now"]);
    const trusting = await startInstallHelper({
      trust: { ...trust, ...signedGate([targetOf(image)]), refresh: trust.refresh },
    });
    await installer(trusting, { readMetadata }).prepare(image, never);
  });

  it("has one session for all calls, and another after a while without any", async () => {
    const bootClock = new FakeTime();
    const helper = await startInstallHelper({ script: "echo 1.0.0" });
    const through = installer(helper, { bootClock });
    const image = await stagedImage();
    for (let call = 1; call <= 3; call += 1) await through.healthy(image, never);
    expect(helper.journal).toHaveLength(6);
    await bootClock.advance(30_000);
    const closing = helper.closed();
    expect(await Promise.all([through.runningVersion(), through.runningVersion()])).toEqual(["1.0.0", "1.0.0"]);
    await closing;
  });
});

describe("an agent that installs by itself", () => {
  const own = (calls: string[]): FileInstaller => ({
    receives: "file",
    restart: "service",
    prepare: async () => void calls.push("prepare"),
    install: async () => void calls.push("install"),
    arm: async () => undefined,
    runningVersion: async () => null,
    healthy: async () => undefined,
    commit: async () => void calls.push("commit"),
    revert: async () => undefined,
  });

  it("installs what root's helper has verified, and the floor rises with its commit", async () => {
    const calls: string[] = [];
    const image = await stagedImage();
    const trust = signedGate([targetOf(image, 7)]);
    const { socket } = await startInstallHelper({ trust, script: null });
    const options = {
      socket,
      timer: systemTimer,
      bootClock: new FakeTime(),
      agentVersion: "1.0.0",
      installer: "none",
      readMetadata: async () => [],
      limitMs: 1_000,
    };
    const verified = verifiedByHelper(own(calls), options, () => "signed");
    await expect(verified.prepare(await stagedImage("another"), never)).rejects.toMatchObject({ code: "not-signed" });
    expect(calls).toEqual([]);
    await verified.prepare(image, never);
    await verified.commit(image);
    expect([calls, trust.floor]).toEqual([["prepare", "commit"], 7]);
    const alone = verifiedByHelper(own(calls), { ...options, socket: "/nowhere" }, () => "digest");
    await alone.prepare(image, never);
    await alone.commit(image);
    expect(calls).toEqual(["prepare", "commit", "prepare", "commit"]);
  });
});
