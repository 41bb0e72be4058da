import { describe, expect, it } from "vitest";
import { UnknownDevice } from "../../../../../service-tools/cli/errors.ts";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

const digest = "a".repeat(64);
const target = { deviceId: "board-1", moduleId: undefined };
const started = { status: 200, payload: { Response: "Firmware update started", operationId: "update-id-1" } };

function localHubContext(): FakeContext {
  const context = new FakeContext();
  context.hub.address = {
    hostName: "localhost:18443",
    isLocal: true,
    isOwnLocalHub: true,
    deviceHostName: "localhost:18883",
  };
  context.hub.reply = started;
  return context;
}

async function ran(context: FakeContext, line: string): Promise<number> {
  const running = runCommandLine(line.split(" "), context);
  await context.time.advance(60_000);
  return await running;
}

describe("boardkeeper update", () => {
  it.each<[string, object]>([
    [
      `--uri https://x/y --sha256 SHA256:${digest.toUpperCase()}`.replace("SHA256", "sha256"),
      { fwPackageUri: "https://x/y", fwPackageCheckValue: digest },
    ],
    [
      `--uri https://x/y --sha256 ${digest} --version 2.0.0 --size 7 --apply manual`,
      {
        fwPackageUri: "https://x/y",
        fwPackageCheckValue: digest,
        fwVersion: "2.0.0",
        fwPackageSize: 7,
        apply: "manual",
      },
    ],
    ["--rehearse", { fwPackageUri: "rehearsal" }],
    ["--rehearse --uri test.com", { fwPackageUri: "test.com" }],
  ])("calls the board: %s", async (options, payload) => {
    const context = localHubContext();
    expect(await ran(context, `update -d board-1 ${options}`)).toBe(0);
    expect(context.hub.calls).toEqual([
      { target, method: "firmwareUpdate", payload: { ...payload, operationId: "update-id-1" } },
    ]);
    expect(context.out.text).toBe("Firmware update started (update-id-1)\n");
  });

  it("publishes a file first, and uses its digest and size", async () => {
    const context = localHubContext();
    const published: string[] = [];
    context.publishImage = (_env, path) => {
      published.push(path);
      return Promise.resolve({ url: "https://localhost:1/d/f.img", size: 7, sha256: digest });
    };
    expect(await ran(context, "update -d board-1 --file f.img --version 2.0.0")).toBe(0);
    expect(published).toEqual(["f.img"]);
    expect(context.hub.calls[0]?.payload).toEqual({
      fwPackageUri: "https://localhost:1/d/f.img",
      fwPackageCheckValue: digest,
      fwVersion: "2.0.0",
      fwPackageSize: 7,
      operationId: "update-id-1",
    });
  });

  it("publishes nothing for an unknown board", async () => {
    const context = localHubContext();
    const published: string[] = [];
    context.publishImage = (_env, path) => Promise.reject(new Error(`published ${String(published.push(path))}`));
    context.hub.twins = [new UnknownDevice("The hub knows no device board-1.")];
    expect(await ran(context, "update -d board-1 --file f.img")).toBe(1);
    expect(context.err.text).toContain("knows no device board-1");
    expect(published).toEqual([]);
  });

  it("prints the state of one that was requested before", async () => {
    const context = localHubContext();
    context.hub.reply = { status: 200, payload: { ...started.payload, repeated: true } };
    context.hub.twins = [twinOf({ phase: "downloading", operationId: "update-id-1", version: "2.0.0" })];
    expect(await ran(context, `update -d board-1 --uri https://x/y --sha256 ${digest}`)).toBe(0);
    expect(context.out.text).toBe(
      "This update was requested before and is not done twice. Its state: downloading (update-id-1)\n",
    );
  });

  it("does not call the board when the file cannot be published", async () => {
    const context = localHubContext();
    context.publishImage = () => Promise.reject(new Error("no such file"));
    expect(await ran(context, "update -d board-1 --file f.img")).toBe(2);
    expect(context.err.text).toContain("--file: f.img cannot be published: no such file");
    expect(context.hub.calls).toEqual([]);
  });

  describe("--start-by", () => {
    const line = `update -d board-1 --uri https://x/y --sha256 ${digest} --start-by`;
    const startBy = "2030-01-31T04:00:00.000Z";

    it.each(["2030-01-31T04:00:00Z", "2030-01-31T05:00:00+01:00"])("%s is sent in UTC", async (text) => {
      const context = localHubContext();
      context.hub.twins = [twinOf({})];
      expect(await ran(context, `${line} ${text}`)).toBe(0);
      expect(context.hub.calls.map(({ method }) => method)).toEqual(["getStatus", "firmwareUpdate"]);
      expect(context.hub.calls.at(-1)?.payload).toMatchObject({ startBy });
      expect(await ran(context, `${line} ${text} --desired`)).toBe(0);
      expect(context.hub.patches[0]?.desired).toMatchObject({ firmware: { startBy } });
    });

    it.each<[string, string]>([
      ["tomorrow", "Expected a time with its zone, such as"],
      ["2030-01-31T04:00:00", "Expected a time with its zone, such as"],
      ["2030-02-31T04:00:00Z", "Expected a time with its zone, such as"],
      ["2020-01-31T04:00:00Z", "Expected a time in the future; now is"],
    ])("%s is an invalid command line", async (text, why) => {
      const context = localHubContext();
      expect(await ran(context, `${line} ${text}`)).toBe(2);
      expect(context.err.text).toContain(why);
      expect(context.hub.calls).toEqual([]);
    });

    it("is not sent to an agent that says itself that it does not understand it, whatever its twin still lists", async () => {
      const context = localHubContext();
      context.hub.twins = [twinOf({})];
      const status = { Response: "", agent: { version: "0.0.9" }, update: {}, reboot: {} };
      context.hub.reply = { status: 200, payload: status };
      expect(await ran(context, `${line} ${startBy} --desired`)).toBe(6);
      expect(context.err.text).toContain("The agent of board-1 (0.0.9) does not understand --start-by");
      expect(context.hub.patches).toEqual([]);
    });

    it.each<[what: string, agent: object | null, why: string]>([
      ["lists no features", { version: "0.1.0" }, "The agent of board-1 (0.1.0) does not understand --start-by"],
      [
        "lists others",
        { features: ["mirrors"] },
        "The agent of board-1 (unknown version) does not understand --start-by",
      ],
      ["lists none that can be read", { features: "lease" }, "does not understand --start-by"],
      ["has not reported yet", null, "board-1 has not reported yet whether its agent understands --start-by."],
    ])("is not sent to an agent that %s", async (_what, agent, why) => {
      for (const how of ["", " --desired", " --wait", " --file f.img"]) {
        const context = localHubContext();
        context.publishImage = () => Promise.reject(new Error("Nothing is published."));
        context.hub.twins = [{ properties: { reported: agent === null ? {} : { boardkeeper: { agent } } } } as never];
        const command = how.includes("--file")
          ? `update -d board-1${how} --start-by ${startBy}`
          : `${line} ${startBy}${how}`;
        expect(await ran(context, command)).toBe(6);
        expect(context.err.text).toContain(why);
        expect(context.err.text).toContain("Nothing was sent.");
        expect([context.hub.calls, context.hub.patches]).toEqual([[], []]);
      }
    });
  });

  it("declares it with --desired, and removes what an older document said", async () => {
    const context = localHubContext();
    context.hub.twins = [twinOf({}, {}, { desired: { $version: 7 } })];
    expect(
      await ran(context, `update -d board-1 --uri https://x/y --sha256 ${digest} --version 2.0.0 --desired -o json`),
    ).toBe(0);
    expect(context.hub.calls).toEqual([]);
    expect(context.hub.patches).toEqual([
      {
        desired: {
          firmware: {
            fwVersion: "2.0.0",
            fwPackageURI: "https://x/y",
            fwPackageUri: null,
            fwPackageCheckValue: digest,
            fwPackageSize: null,
            fwManifestUri: null,
            mirrors: null,
            apply: null,
            startBy: null,
            operationId: "update-id-1",
          },
        },
      },
    ]);
    expect(JSON.parse(context.out.text)).toMatchObject({
      outcome: "accepted",
      operationId: "update-id-1",
      already: false,
    });
  });
});

describe("boardkeeper update --wait", () => {
  const phase = (
    name: "idle" | "downloading" | "completed" | "failed",
    operationId: string | null = "update-id-1",
  ): ReturnType<typeof twinOf> =>
    twinOf(
      {
        phase: name,
        operationId,
        version: "2.0.0",
        error: name === "failed" ? { code: "bad-digest", during: "verifying", message: "It is another image." } : null,
      },
      {},
      {
        lastProvenUpdate:
          name === "completed"
            ? { operationId: operationId ?? "", version: "2.0.0", at: "2026-01-02T03:04:05.000Z" }
            : null,
      },
    );
  const line = `update -d board-1 --uri https://x/y --sha256 ${digest} --version 2.0.0 --wait`;

  it("succeeds when the version is proven", async () => {
    const context = localHubContext();
    context.hub.twins = [phase("idle", null), phase("downloading"), phase("completed")];
    expect(await ran(context, line)).toBe(0);
    expect(context.out.text).toBe("board-1 runs 2.0.0, proven healthy after the update.\n");
    expect(context.err.text).toMatch(
      /^Firmware update started \(update-id-1\)\n {2}0:00 {2}accepted\n {2}0:00 {2}downloading\n/,
    );
  });

  it("ends with 1 when it failed; programs get a document", async () => {
    const context = localHubContext();
    context.hub.twins = [phase("idle", null), phase("failed")];
    expect(await ran(context, `${line} -o json`)).toBe(1);
    expect(JSON.parse(context.out.text)).toMatchObject({
      deviceId: "board-1",
      operationId: "update-id-1",
      outcome: "failed",
      error: {
        code: "operation-failed",
        message: expect.stringContaining("It is another image.") as string,
        cause: { code: "bad-digest", during: "verifying", message: "It is another image." },
      },
    });
    expect(context.err.text).toContain(
      "boardkeeper: The update of board-1 failed while verifying. It is another image. (bad-digest)\n",
    );
  });

  it("follows the operation that the board names when this update is running already", async () => {
    const context = localHubContext();
    context.hub.reply = { status: 200, payload: { Response: "Done before", operationId: "op-0", already: true } };
    context.hub.twins = [phase("completed", "op-0")];
    expect(await ran(context, line)).toBe(0);
    expect(context.out.text).toBe("board-1 runs 2.0.0. This update was requested before; it was not done again.\n");
  });

  it("ends with 5 after --timeout, and says that the update continues", async () => {
    const context = localHubContext();
    context.hub.twins = [phase("idle", null), phase("downloading")];
    expect(await ran(context, `${line} --timeout 20s`)).toBe(5);
    expect(context.err.text).toContain(
      "did not end within 20 s: its last phase was downloading.\n  The update continues. Watch it with: boardkeeper watch -d board-1\n",
    );
  });
});
