import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { StagedImage } from "../../../../agent/update/ports.ts";
import {
  answerTo,
  signedGate,
  stagedImage,
  startInstallHelper,
  targetOf,
  type RunningInstallHelper,
} from "../../../support/install-helper.ts";

const isIn = (helper: RunningInstallHelper, name: string): boolean => existsSync(join(helper.folder, name));

function lines(fields: Readonly<Record<string, string | number>>): string {
  return `${Object.entries(fields)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("")}\n`;
}

function request(verb: string, { sha256, sizeBytes, version, operationId }: StagedImage, limit = 30): string {
  return lines({ verb, limit, sha256, size: sizeBytes, version, operation: operationId });
}

/** What the helper says to an agent of an earlier release, which stays until it is answered. */
async function call({ socket }: RunningInstallHelper, words: string, bytes = ""): Promise<string> {
  const connection = connect({ path: socket, allowHalfOpen: true });
  connection.write(`${words}${bytes}run\n`);
  const answer = await text(connection);
  connection.end();
  return answer;
}

describe("the protocol of earlier releases", () => {
  it("runs the owner's program, with root's copy of the image", async () => {
    const helper = await startInstallHelper({
      script: `[ "$1" != running-version ] || echo 1.2.3; cat "\${BOARDKEEPER_IMAGE_PATH:-/dev/null}" >"got-$1"`,
    });
    const image = await stagedImage("the bytes");
    expect(await call(helper, request("prepare", image), "the bytes")).toBe("send\nready\nended 0 0 0\n");
    expect(await call(helper, request("install", image))).toBe("ready\nended 0 0 0\n");
    expect(await call(helper, request("arm", image))).toBe("ready\nended 0 0 0\n");
    expect(await call(helper, lines({ verb: "running-version", limit: 30 }))).toBe("ready\nended 0 6 0\n1.2.3\n");
    for (const verb of ["prepare", "install", "arm"])
      expect(await readFile(join(helper.folder, `got-${verb}`), "utf8")).toBe("the bytes");
  });

  it("says what the program has said, in a code that such an agent knows", async () => {
    const helper = await startInstallHelper({ script: "echo no >&2; exit 3" });
    const image = await stagedImage();
    expect(await call(helper, request("arm", image))).toMatch(
      /^ready\nrefused installer-failed .* ended with 3\. It said: no\n$/,
    );
    const slow = await startInstallHelper({ script: "echo slow; exec sleep 600" });
    expect(await call(slow, request("arm", image, 1))).toMatch(/^ready\nended late 0 \d+\n.* It said: slow$/);
  });

  it("installs what is signed in the metadata that root has, and says why it installs nothing else", async () => {
    const image = await stagedImage("0123456789");
    const helper = await startInstallHelper({ trust: signedGate([targetOf(image)]), script: "touch ran" });
    const other = await stagedImage("another");
    expect(await call(helper, request("install", other), "another")).toBe(
      "refused installer-not-allowed Nobody has signed this.\n",
    );
    expect(isIn(helper, "ran")).toBe(false);
    expect(await call(helper, request("install", image), "0123456789")).toBe("send\nready\nended 0 0 0\n");
  });

  it("runs nothing for somebody who has gone by the time that it is ready", async () => {
    const helper = await startInstallHelper({ script: "touch ran" });
    expect(await answerTo(helper, lines({ verb: "running-version", limit: 30 }))).toBe("ready\n");
    await helper.closed();
    expect(isIn(helper, "ran")).toBe(false);
  });

  it("refuses an image that is not the one asked for, and keeps nothing of it", async () => {
    const helper = await startInstallHelper({ script: "touch ran" });
    const image = await stagedImage("as it was checked");
    expect(await call(helper, request("install", image), "as it was chanGed")).toMatch(/^send\nrefused image-changed /);
    await helper.closed();
    expect(isIn(helper, "ran")).toBe(false);
    expect(await readdir(helper.own)).toEqual([]);
  });

  const good = { verb: "arm", limit: "30", sha256: "a".repeat(64), size: "1", version: "2.0.0", operation: "op-1" };
  it.each([
    ["a verb that is none", { verb: "rm" }],
    ["a verb of the new protocol", { verb: "healthy" }],
    ["a verb with a line in it", { verb: "arm\nprogram=/bin/sh" }],
    ["a program to run", { program: "/bin/sh" }],
    ["a limit of nothing", { limit: "0" }],
    ["a limit beyond all patience", { limit: "100000" }],
    ["a digest that leads elsewhere", { sha256: `../${"a".repeat(61)}` }],
    ["a size that is none", { size: "1e9" }],
    ["a version with a command in it", { version: "$(touch ran)" }],
    ["an operation that is none", { operation: "a b" }],
    ["an image for running-version", { verb: "running-version" }],
    ["a line said twice", { limit: "30\nlimit=31" }],
    ["a line without end", { version: "a".repeat(20_000) }],
    ["lines without end", Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`x${at}`, "y"]))],
  ])("refuses %s", async (_what, changes) => {
    const helper = await startInstallHelper({ script: "touch ran" });
    expect(await call(helper, lines({ ...good, ...changes }))).toMatch(/^refused installer-failed The request .*\n$/);
    expect(isIn(helper, "ran")).toBe(false);
  });

  it.each(Object.keys(good))("refuses a request without %s", async (key) => {
    const helper = await startInstallHelper({ script: "touch ran" });
    const rest = Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
    expect(await call(helper, lines(rest))).toMatch(/^refused installer-failed The request /);
    expect(isIn(helper, "ran")).toBe(false);
  });

  const whole = `${lines({ verb: "running-version", limit: 30 })}run`;
  it.each(Array.from({ length: whole.length }, (_, at) => at))(
    "does nothing for an agent that goes away after %i bytes",
    async (at) => {
      const helper = await startInstallHelper({ script: "touch ran" });
      await answerTo(helper, whole.slice(0, at));
      await helper.closed();
      expect(isIn(helper, "ran")).toBe(false);
    },
  );
});
