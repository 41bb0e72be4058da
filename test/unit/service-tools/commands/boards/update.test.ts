import { describe, expect, it } from "vitest";
import { UnknownDevice } from "../../../../../service-tools/cli/errors.ts";
import { run } from "../../../../../service-tools/cli/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeWorld } from "../../../../support/world.ts";

const digest = "a".repeat(64);
const target = { deviceId: "board-1", moduleId: undefined };
const started = { status: 200, payload: { Response: "Firmware update started", operationId: "update-id-1" } };

function localWorld(): FakeWorld {
  const world = new FakeWorld();
  world.hub.address = { hostName: "localhost:18443", isLocal: true, isOurs: true, deviceHostName: "localhost:18883" };
  world.hub.reply = started;
  return world;
}

async function ran(world: FakeWorld, line: string): Promise<number> {
  const running = run(line.split(" "), world);
  await world.time.advance(60_000);
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
  ])("asks the board: %s", async (options, payload) => {
    const world = localWorld();
    expect(await ran(world, `update -d board-1 ${options}`)).toBe(0);
    expect(world.hub.calls).toEqual([
      { target, method: "firmwareUpdate", payload: { ...payload, operationId: "update-id-1" } },
    ]);
    expect(world.out.text).toBe("Firmware update started (update-id-1)\n");
  });

  it("publishes a file first, and knows its digest and size by itself", async () => {
    const world = localWorld();
    const published: string[] = [];
    world.publishImage = (_env, path) => {
      published.push(path);
      return Promise.resolve({ url: "https://localhost:1/d/f.img", size: 7, sha256: digest });
    };
    expect(await ran(world, "update -d board-1 --file f.img --version 2.0.0")).toBe(0);
    expect(published).toEqual(["f.img"]);
    expect(world.hub.calls[0]?.payload).toEqual({
      fwPackageUri: "https://localhost:1/d/f.img",
      fwPackageCheckValue: digest,
      fwVersion: "2.0.0",
      fwPackageSize: 7,
      operationId: "update-id-1",
    });
  });

  it("publishes nothing for a board that is not there", async () => {
    const world = localWorld();
    const published: string[] = [];
    world.publishImage = (_env, path) => Promise.reject(new Error(`published ${String(published.push(path))}`));
    world.hub.twins = [new UnknownDevice("The hub knows no device board-1.")];
    expect(await ran(world, "update -d board-1 --file f.img")).toBe(1);
    expect(world.err.text).toContain("knows no device board-1");
    expect(published).toEqual([]);
  });

  it("says how one stands that was asked for before", async () => {
    const world = localWorld();
    world.hub.reply = { status: 200, payload: { ...started.payload, repeated: true } };
    world.hub.twins = [twinOf({ phase: "downloading", operationId: "update-id-1", version: "2.0.0" })];
    expect(await ran(world, `update -d board-1 --uri https://x/y --sha256 ${digest}`)).toBe(0);
    expect(world.out.text).toBe(
      "This update was asked for before, and is not done twice. How it stands: downloading (update-id-1)\n",
    );
  });

  it("asks for nothing when the file cannot be published", async () => {
    const world = localWorld();
    world.publishImage = () => Promise.reject(new Error("no such file"));
    expect(await ran(world, "update -d board-1 --file f.img")).toBe(2);
    expect(world.err.text).toContain("--file: f.img cannot be published: no such file");
    expect(world.hub.calls).toEqual([]);
  });

  it("declares it where that is asked for, and takes back what an older document said", async () => {
    const world = localWorld();
    world.hub.twins = [twinOf({}, {}, { desired: { $version: 7 } })];
    expect(
      await ran(world, `update -d board-1 --uri https://x/y --sha256 ${digest} --version 2.0.0 --desired -o json`),
    ).toBe(0);
    expect(world.hub.calls).toEqual([]);
    expect(world.hub.patches).toEqual([
      {
        desired: {
          firmware: {
            fwVersion: "2.0.0",
            fwPackageURI: "https://x/y",
            fwPackageUri: null,
            fwPackageCheckValue: digest,
            fwPackageSize: null,
            fwManifestUri: null,
            apply: null,
            operationId: "update-id-1",
          },
        },
      },
    ]);
    expect(JSON.parse(world.out.text)).toMatchObject({
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

  it("ends well when the version is proven", async () => {
    const world = localWorld();
    world.hub.twins = [phase("idle", null), phase("downloading"), phase("completed")];
    expect(await ran(world, line)).toBe(0);
    expect(world.out.text).toBe("board-1 runs 2.0.0, proven healthy after the update.\n");
    expect(world.err.text).toMatch(
      /^Firmware update started \(update-id-1\)\n {2}0:00 {2}accepted\n {2}0:00 {2}downloading\n/,
    );
  });

  it("ends with 1 when it failed; programs get a document of that too", async () => {
    const world = localWorld();
    world.hub.twins = [phase("idle", null), phase("failed")];
    expect(await ran(world, `${line} -o json`)).toBe(1);
    expect(JSON.parse(world.out.text)).toMatchObject({
      deviceId: "board-1",
      operationId: "update-id-1",
      outcome: "failed",
      error: {
        code: "operation-failed",
        message: expect.stringContaining("It is another image.") as string,
        cause: { code: "bad-digest", during: "verifying", message: "It is another image." },
      },
    });
    expect(world.err.text).toContain(
      "boardkeeper: The update of board-1 failed while verifying. It is another image. (bad-digest)\n",
    );
  });

  it("follows the operation that the board names where it has this update in hand already", async () => {
    const world = localWorld();
    world.hub.reply = { status: 200, payload: { Response: "Done before", operationId: "op-0", already: true } };
    world.hub.twins = [phase("completed", "op-0")];
    expect(await ran(world, line)).toBe(0);
    expect(world.out.text).toBe("board-1 runs 2.0.0. This update was asked for before: nothing was done twice.\n");
  });

  it("gives up after --timeout with 5, and says that the work goes on", async () => {
    const world = localWorld();
    world.hub.twins = [phase("idle", null), phase("downloading")];
    expect(await ran(world, `${line} --timeout 20s`)).toBe(5);
    expect(world.err.text).toContain(
      "did not end within 20 s: its last phase was downloading.\n  The update goes on; follow it with: boardkeeper watch -d board-1\n",
    );
  });
});
