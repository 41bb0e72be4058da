import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { maxLineBytes, maxMetadataTotalBytes } from "../../../../agent/helper-protocol/protocol.ts";
import { mostWrites } from "../../../../agent/install-helper/write-ledger.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { hello as helloOf, line, speak } from "../../../support/helper-words.ts";
import { answerTo, signedGate, stagedImage, startInstallHelper, targetOf } from "../../../support/install-helper.ts";

const hello = helloOf();
const welcome = { hello: 2, restart: null };

const answersOf = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((one) => one !== "")
    .map((one) => JSON.parse(one));

describe("a session with root's helper", () => {
  it("goes from the metadata to the commit, and the floor rises", async () => {
    const image = await stagedImage("0123456789");
    const trust = signedGate([targetOf(image, 5)]);
    const helper = await startInstallHelper({ trust, script: `[ "$1" != running-version ] || echo 2.0.0` });
    const { ask } = speak(helper);
    expect(await ask(hello)).toEqual(welcome);
    expect(await ask('{"metadata":[{"name":"timestamp.json","bytes":3}]}\nabc')).toMatchObject({ trust: { floor: 0 } });
    expect(await ask(line("prepare", image))).toEqual({ id: 1, done: {} });
    expect(await ask(line("install", image, { id: 2 }))).toEqual({ id: 2, resumeAt: 0 });
    expect(await ask("0123456789")).toEqual({ id: 2, done: {} });
    expect(await ask(line("arm", image, { id: 3 }))).toEqual({ id: 3, done: {} });
    expect(await ask(line("running-version", undefined, { id: 4 }))).toEqual({ id: 4, done: { version: "2.0.0" } });
    expect(await ask(line("healthy", image, { id: 5 }))).toEqual({ id: 5, done: {} });
    expect(trust.floor).toBe(0);
    expect(await ask(line("commit", image, { id: 6 }))).toEqual({ id: 6, done: {} });
    expect(trust.floor).toBe(5);
  });

  it("raises the floor to what it has written, not to what the agent says, and not before the installer has committed", async () => {
    const image = await stagedImage("0123456789");
    const trust = signedGate([targetOf(image, 5)]);
    const helper = await startInstallHelper({ trust, script: `[ "$1" != commit ]` });
    const { ask } = speak(helper);
    await ask(hello);
    await ask(line("install", image));
    await ask("0123456789");
    expect(await ask(line("commit", image))).toMatchObject({ error: { code: "installer-failed" } });
    expect(trust.floor).toBe(0);
    expect(await ask(line("commit", await stagedImage("other")))).toMatchObject({ error: {} });
    expect(trust.floor).toBe(0);
  });

  it("writes and starts nothing that is not signed", async () => {
    const helper = await startInstallHelper({ trust: signedGate([]), script: "touch ran" });
    const { ask } = speak(helper);
    await ask(hello);
    const image = await stagedImage();
    for (const verb of ["prepare", "install", "arm"])
      expect(await ask(line(verb, image))).toMatchObject({ id: 1, error: { code: "not-signed" } });
    expect(existsSync(join(helper.folder, "ran"))).toBe(false);
    expect(await readdir(helper.own)).toEqual([]);
  });

  it("starts a signed image only after it has written it to its end", async () => {
    const image = await stagedImage("0123456789");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script: `[ "$1" != install ]` });
    const { ask } = speak(helper);
    await ask(hello);
    await ask(line("install", image));
    expect(await ask("0123456789")).toMatchObject({ error: { code: "installer-failed" } });
    expect(await ask(line("arm", image))).toMatchObject({ error: { code: "not-signed" } });
  });

  it("counts what a wrong image costs the disk too, and keeps nothing of it", async () => {
    const image = await stagedImage("0123456789");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script: "touch ran" });
    const { ask } = speak(helper);
    await ask(hello);
    for (let time = 1; time <= mostWrites; time += 1) {
      await ask(line("install", image));
      expect(await ask("012345678X")).toMatchObject({ error: { code: "image-changed" } });
    }
    expect(await ask(line("install", image))).toMatchObject({ error: { code: "rewritten-too-often" } });
    expect(existsSync(join(helper.folder, "ran"))).toBe(false);
  });

  it("keeps nothing of metadata that is refused, and goes on", async () => {
    const trust = {
      ...signedGate([]),
      refresh: async () => {
        throw new AgentError("metadata-rollback", "Older than before.");
      },
    };
    const { ask } = speak(await startInstallHelper({ trust, script: "echo 1.0.0" }));
    await ask(hello);
    expect(await ask('{"metadata":[]}\n')).toEqual({
      error: { code: "metadata-rollback", message: "Older than before." },
    });
    expect(await ask(line("running-version"))).toEqual({ id: 1, done: { version: "1.0.0" } });
  });

  const session = Buffer.concat([
    Buffer.from(`${hello}{"metadata":[{"name":"timestamp.json","bytes":3}]}\nabc`),
    Buffer.from(line("running-version")),
  ]);
  it.each(Array.from({ length: session.length - 1 }, (_, at) => at))(
    "does nothing for an agent that goes away after %i bytes",
    async (at) => {
      const helper = await startInstallHelper({ script: "touch ran; echo 1.0.0" });
      const answers = answersOf(await answerTo(helper, session.subarray(0, at)));
      await helper.closed();
      expect(answers.length).toBeLessThanOrEqual(2);
      expect(answers.every((answer) => !JSON.stringify(answer).includes("error"))).toBe(true);
      expect(existsSync(join(helper.folder, "ran"))).toBe(false);
    },
  );

  it("installs nothing of an image whose last byte does not come", async () => {
    const helper = await startInstallHelper({ script: "touch ran" });
    const image = await stagedImage("0123456789");
    await answerTo(helper, `${hello}${line("install", image)}012345678`);
    await helper.closed();
    expect(existsSync(join(helper.folder, "ran"))).toBe(false);
    expect(await readdir(helper.own)).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.b007\.part$/)]);
  });

  it.each([
    ["an unknown protocol", '{"hello":3,"agent":"1","installer":"command"}\n'],
    ["a path for an installer", '{"hello":2,"agent":"1","installer":"../x"}\n'],
    ["a verb before hello", line("arm")],
    ["an unknown verb", `${hello}${line("rm")}`],
    ["a verb without its image", `${hello}${line("arm")}`],
    [
      "an image with a path in its version",
      `${hello}${line("arm", { path: "", sha256: "a".repeat(64), sizeBytes: 1, version: "../x", operationId: "1" })}`,
    ],
    [
      "a digest that leads elsewhere",
      `${hello}${line("arm", { path: "", sha256: `../${"a".repeat(61)}`, sizeBytes: 1, version: "1", operationId: "1" })}`,
    ],
    ["a limit of nothing", `${hello}${line("running-version", undefined, { limitMs: 0 })}`],
    ["a metadata file outside", `${hello}{"metadata":[{"name":"../root.json","bytes":1}]}\nx`],
    ["metadata named twice", `${hello}{"metadata":[{"name":"a.json","bytes":1},{"name":"a.json","bytes":1}]}\nxy`],
    [
      "too much metadata",
      `${hello}{"metadata":[{"name":"a.json","bytes":${maxMetadataTotalBytes}},{"name":"b.json","bytes":1}]}\n`,
    ],
    ["no JSON", `${hello}hello\n`],
    ["a line that is too long", `${hello}${"x".repeat(maxLineBytes + 1)}\n`],
    ["a line without end", `${hello}${"x".repeat(3 * maxLineBytes)}`],
  ])("refuses %s, and ends", async (_what, words) => {
    const helper = await startInstallHelper({ script: "touch ran" });
    const answers = answersOf(await answerTo(helper, words));
    expect(answers.at(-1)).toMatchObject({
      error: { code: "installer-failed", message: expect.stringContaining("did not understand the agent") },
    });
    await helper.closed();
    expect(existsSync(join(helper.folder, "ran"))).toBe(false);
  });

  it("stops the program when the agent floods it", async () => {
    const helper = await startInstallHelper({ script: "echo $$ >pid; exec sleep 600" });
    const { socket, ask } = speak(helper);
    await ask(hello);
    socket.write(line("running-version"));
    await expect.poll(() => existsSync(join(helper.folder, "pid"))).toBe(true);
    socket.on("error", () => undefined);
    for (let at = 0; at < 20; at += 1) socket.write(Buffer.alloc(64 * 1_024));
    await helper.closed();
    expect(existsSync(`/proc/${(await readFile(join(helper.folder, "pid"), "utf8")).trim()}/exe`)).toBe(false);
  });

  it.each([
    ["says nothing", ""],
    ["says nothing more", hello],
    ["announces metadata that does not come", `${hello}{"metadata":[{"name":"a.json","bytes":9}]}\n1234`],
    [
      "announces an image that does not come",
      `${hello}${line("install", { path: "", sha256: "a".repeat(64), sizeBytes: 9, version: "1", operationId: "1" })}1234`,
    ],
  ])("ends with an agent that %s", async (_what, words) => {
    const time = new FakeTime();
    const helper = await startInstallHelper({ timer: time });
    const { socket } = speak(helper);
    socket.write(words);
    const ended = new Promise((resolve) => socket.on("end", () => resolve("ended")));
    const ticking = setInterval(() => void time.advance(10_000), 5);
    expect(await ended).toBe("ended");
    clearInterval(ticking);
    await settle();
    await helper.closed();
  });
});
