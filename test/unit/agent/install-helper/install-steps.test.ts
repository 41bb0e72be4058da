import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mostWrites } from "../../../../agent/install-helper/write-ledger.ts";
import type { StagedImage } from "../../../../agent/update/ports.ts";
import { hello, line, speak, type Speaker } from "../../../support/helper-words.ts";
import {
  signedGate,
  stagedImage,
  startInstallHelper,
  targetOf,
  type RunningInstallHelper,
} from "../../../support/install-helper.ts";

/* Steps in an order, and of images, that no honest agent asks for. */

/** Notes its verbs, and prints what runs. */
const script = `echo "$1" >>verbs; case $1 in running-version) cat runs 2>/dev/null || : ;; esac`;

const verbs = async ({ folder }: RunningInstallHelper): Promise<string[]> =>
  existsSync(join(folder, "verbs")) ? (await readFile(join(folder, "verbs"), "utf8")).trim().split("\n") : [];
const runs = async ({ folder }: RunningInstallHelper, version: string): Promise<void> =>
  await writeFile(join(folder, "runs"), `${version}\n`);

async function imageOf(version: string): Promise<StagedImage> {
  return { ...(await stagedImage(`image ${version}`)), version };
}

/** @returns the last answer */
async function install({ ask }: Speaker, image: StagedImage): Promise<unknown> {
  const answer = await ask(line("install", image));
  const wantsBytes = answer !== null && typeof answer === "object" && "resumeAt" in answer;
  return wantsBytes ? await ask(await readFile(image.path)) : answer;
}

async function greeted(helper: RunningInstallHelper, installer = "command"): Promise<Speaker> {
  const speaker = speak(helper);
  expect(await speaker.ask(hello(installer))).toMatchObject({ hello: 2 });
  return speaker;
}

const done = { id: 1, done: {} };

describe("the floor", () => {
  it("does not rise to a signed image that was not written, whatever the agent commits", async () => {
    const [old, next] = [await imageOf("1.0.0"), await imageOf("9.0.0")];
    const trust = signedGate([targetOf(old, 1), targetOf(next, 9)]);
    const helper = await startInstallHelper({ trust, script });
    await runs(helper, "1.0.0");
    const speaker = await greeted(helper);
    expect(await install(speaker, old)).toEqual(done);
    for (const named of [next, { ...next, version: "1.0.0" }]) await speaker.ask(line("commit", named));
    expect(trust.floor).toBe(0);
    // A ledger that is lost is no way to name another image either.
    await rm(join(helper.own, "written.json"));
    for (const named of [next, { ...next, version: "1.0.0" }]) await speaker.ask(line("commit", named));
    expect(trust.floor).toBe(0);
  });

  it("rises to what runs where the ledger was lost", async () => {
    const image = await imageOf("2.0.0");
    const trust = signedGate([targetOf(image, 5)]);
    const helper = await startInstallHelper({ trust, script });
    await runs(helper, "2.0.0");
    const speaker = await greeted(helper);
    await install(speaker, image);
    await rm(join(helper.own, "written.json"));
    expect(await speaker.ask(line("commit", image))).toEqual(done);
    expect(trust.floor).toBe(5);
  });

  it("does not rise by an image whose writing was only begun", async () => {
    const image = await imageOf("2.0.0");
    const trust = signedGate([targetOf(image, 5)]);
    const helper = await startInstallHelper({ trust, script });
    const speaker = await greeted(helper);
    expect(await speaker.ask(line("install", image))).toMatchObject({ resumeAt: 0 });
    speaker.socket.destroy();
    await helper.closed();
    expect(await (await greeted(helper)).ask(line("commit", image))).toEqual(done);
    expect(trust.floor).toBe(0);
  });

  it("does not rise for an agent that says it installs by itself, where the owner lets root install", async () => {
    const image = await imageOf("9.0.0");
    const trust = signedGate([targetOf(image, 9)]);
    const helper = await startInstallHelper({ trust, script });
    expect(await speak(helper).ask(hello("none"))).toMatchObject({ error: { code: "installer-not-allowed" } });
    expect(trust.floor).toBe(0);
  });
});

describe("an image that only another installer has written", () => {
  it("is not started by this one", async () => {
    const image = await imageOf("9.0.0");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script });
    await helper.ledger.setWritten(targetOf(image), "none");
    const speaker = await greeted(helper);
    expect(await speaker.ask(line("arm", image))).toMatchObject({ error: { code: "not-signed" } });
    expect(await verbs(helper)).toEqual([]);
  });
});

describe("what was written", () => {
  it("is not started once its publisher has retired it", async () => {
    const image = await imageOf("2.0.0");
    const targets = [targetOf(image, 5)];
    const helper = await startInstallHelper({ trust: signedGate(targets), script });
    const speaker = await greeted(helper);
    await install(speaker, image);
    targets.length = 0;
    expect(await speaker.ask(line("arm", image))).toMatchObject({
      error: { code: "not-signed", message: "Nobody has signed this." },
    });
    // An honest agent goes back then. There is nothing to undo.
    expect(await speaker.ask(line("revert", image))).toEqual(done);
    expect(await verbs(helper)).toEqual(["prepare", "install"]);
  });

  it("is not started from a ledger that was lost", async () => {
    const image = await imageOf("2.0.0");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image, 5)]), script });
    const speaker = await greeted(helper);
    await install(speaker, image);
    await rm(join(helper.own, "written.json"));
    expect(await speaker.ask(line("arm", image))).toMatchObject({ error: { code: "not-signed" } });
    expect(await verbs(helper)).toEqual(["prepare", "install"]);
  });

  it("is noted once, however often an agent repeats the step", async () => {
    const image = await imageOf("2.0.0");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script });
    await helper.ledger.setWritten(targetOf(image), "none");
    const file = await stat(join(helper.own, "written.json"));
    await helper.ledger.setWritten(targetOf(image), "none");
    expect((await stat(join(helper.own, "written.json"))).ino).toBe(file.ino);
  });
});

describe("a revert", () => {
  it("undoes an update that was armed, as often as the agent asks, and no other", async () => {
    const [image, other] = [await imageOf("2.0.0"), await imageOf("1.0.0")];
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image, 5), targetOf(other)]), script });
    const speaker = await greeted(helper);
    await install(speaker, image);
    await speaker.ask(line("revert", image));
    expect(helper.journal).toContain("<4>command revert: 2.0.0 has replaced nothing");
    await speaker.ask(line("arm", image));
    for (const named of [image, image, other, await imageOf("7.0.0")])
      expect(await speaker.ask(line("revert", named))).toEqual(done);
    expect(await verbs(helper)).toEqual(["prepare", "install", "arm", "revert", "revert"]);
  });

  it("undoes an update whose arming was interrupted", async () => {
    const image = await imageOf("2.0.0");
    const interrupted = `${script}; [ "$1" != arm ] || exit 1`;
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image, 5)]), script: interrupted });
    const speaker = await greeted(helper);
    await install(speaker, image);
    expect(await speaker.ask(line("arm", image))).toHaveProperty("error");
    expect(await speaker.ask(line("revert", image))).toEqual(done);
    expect(await verbs(helper)).toEqual(["prepare", "install", "arm", "revert"]);
  });

  it("works where root has no ledger or no trust root", async () => {
    const image = await imageOf("2.0.0");
    const helpers = [await startInstallHelper({ trust: signedGate([targetOf(image)]), script })];
    helpers.push(await startInstallHelper({ script }));
    for (const helper of helpers) {
      await (await greeted(helper)).ask(line("revert", image));
      expect(await verbs(helper)).toEqual(["revert"]);
    }
  });

  it("of an agent whose power was cut after the commit goes back, where the floor has not risen", async () => {
    const image = await imageOf("2.0.0");
    const trust = signedGate([targetOf(image, 5)]);
    trust.floor = 5;
    const helper = await startInstallHelper({ trust, script });
    const speaker = await greeted(helper);
    await install(speaker, image);
    for (const verb of ["arm", "commit", "revert"]) expect(await speaker.ask(line(verb, image))).toEqual(done);
    expect((await verbs(helper)).at(-1)).toBe("revert");
  });
});

describe("a commit that has raised the floor", () => {
  const tooLow = { error: { code: "epoch-too-low", message: expect.stringContaining("2.0.0 was committed") } };

  async function committed(): Promise<{ helper: RunningInstallHelper; image: StagedImage; other: StagedImage }> {
    const [image, other] = [await imageOf("2.0.0"), await imageOf("3.0.0")];
    const trust = signedGate([targetOf(image, 5), targetOf(other, 5)]);
    const helper = await startInstallHelper({ trust, script });
    await runs(helper, "2.0.0");
    const speaker = await greeted(helper);
    await install(speaker, image);
    for (const verb of ["arm", "commit"]) expect(await speaker.ask(line(verb, image))).toEqual(done);
    expect(trust.floor).toBe(5);
    speaker.socket.destroy();
    return { helper, image, other };
  }

  it("is final: the system before is below the floor", async () => {
    const { helper, image } = await committed();
    expect(await (await greeted(helper)).ask(line("revert", image))).toMatchObject(tooLow);
    expect(await verbs(helper)).not.toContain("revert");
  });

  it("stays final when the same image or another one is begun, written or armed", async () => {
    const { helper, image, other } = await committed();
    for (const named of [image, other]) {
      const begun = await greeted(helper);
      expect(await begun.ask(line("install", named))).toMatchObject({ resumeAt: 0 });
      begun.socket.destroy();
      for (const one of [image, other]) {
        const { ask, socket } = await greeted(helper);
        await ask(line("revert", one));
        socket.destroy(); // The next session waits for the end of this one.
      }
    }
    const speaker = await greeted(helper);
    for (const named of [other, image]) {
      await install(speaker, named);
      for (const one of [image, other]) await speaker.ask(line("revert", one));
    }
    await speaker.ask(line("arm", image));
    expect(await speaker.ask(line("revert", image))).toMatchObject(tooLow);
    expect(await verbs(helper)).not.toContain("revert");
  });

  it("is done, whatever fails afterwards", async () => {
    const { helper, image } = await committed();
    await mkdir(join(helper.own, `${"a".repeat(64)}.image`)); // Is not removed as a copy is.
    expect(await (await greeted(helper)).ask(line("commit", image))).toEqual(done);
    expect(helper.journal).toContainEqual(expect.stringContaining("not all was tidied up"));
  });
});

describe("how often an image is written", () => {
  it("is limited until it is proven", async () => {
    const [image, other] = [await imageOf("2.0.0"), await imageOf("3.0.0")];
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image), targetOf(other)]), script });
    const speaker = await greeted(helper);
    const tooOften = { error: { code: "rewritten-too-often" } };
    await runs(helper, "1.0.0");
    for (let time = 1; time <= mostWrites; time += 1) expect(await install(speaker, image)).toEqual(done);
    expect(await install(speaker, image)).toMatchObject(tooOften);
    // A commit of what does not run proves nothing.
    await speaker.ask(line("commit", image));
    expect(await install(speaker, image)).toMatchObject(tooOften);
    // Another image's proof is its own.
    expect(await install(speaker, other)).toEqual(done);
    await runs(helper, "3.0.0");
    await speaker.ask(line("commit", other));
    expect(await install(speaker, image)).toMatchObject(tooOften);
    expect(await install(speaker, other)).toEqual(done);
  });

  it("is limited for the image that runs too, however often the agent commits it", async () => {
    const image = await imageOf("2.0.0");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script });
    await runs(helper, "2.0.0");
    const speaker = await greeted(helper);
    await install(speaker, image);
    await speaker.ask(line("commit", image));
    for (let time = 1; time <= mostWrites; time += 1) {
      expect(await install(speaker, image)).toEqual(done);
      await speaker.ask(line("commit", image));
    }
    expect(await install(speaker, image)).toMatchObject({ error: { code: "rewritten-too-often" } });
  });
});

it("a ledger that was damaged counts as lost: the board stays able to install", async () => {
  const image = await imageOf("2.0.0");
  const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script });
  await appendFile(join(helper.own, "written.json"), "{");
  expect(await install(await greeted(helper), image)).toEqual(done);
  expect(await helper.ledger.latest()).toMatchObject({ version: "2.0.0", state: "written" });
});
