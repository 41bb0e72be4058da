import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeContext } from "../../../../support/fake-context.ts";
import { TestPublisher } from "../../../../support/signed-repository.ts";

const untrusting = { rootVersion: null, expires: null, unsignedAllowed: true };
const started = { status: 200, payload: { Response: "Firmware update started", operationId: "update-id-1" } };
/** As the twin reports it. */
const board = "raspberrypi,4-model-b";

function contextOf(publisher?: TestPublisher): FakeContext {
  const context = new FakeContext();
  if (publisher !== undefined) {
    context.env = { BOARDKEEPER_HOME: publisher.home, BOARDKEEPER_PASSPHRASE_FILE: join(publisher.home, "passphrase") };
    context.time.stepWall(publisher.time.now().getTime() - context.time.now().getTime());
  }
  context.hub.address = { hostName: "localhost:1", isLocal: true, isOwnLocalHub: true, deviceHostName: "localhost:2" };
  context.publishImage = () => Promise.reject(new Error("It must not be published unsigned."));
  context.hub.twins = [twinOf({})];
  context.hub.reply = started;
  return context;
}

function updatesOf(context: FakeContext): unknown[] {
  return context.hub.calls.filter(({ method }) => method === "firmwareUpdate").map(({ payload }) => payload);
}

describe("boardkeeper update, to a board that installs signed images only", () => {
  it("asks for a version of its repository", async () => {
    const context = contextOf();
    expect(await runCommandLine("update -d board-1 --version 1.2.0".split(" "), context)).toBe(0);
    expect(updatesOf(context)).toStrictEqual([{ fwVersion: "1.2.0", operationId: "update-id-1" }]);
  });

  it("declares a version of its repository", async () => {
    const context = contextOf();
    expect(await runCommandLine("update -d board-1 --version 1.2.0 --desired".split(" "), context)).toBe(0);
    expect(context.hub.patches[0]?.desired).toMatchObject({
      firmware: { fwVersion: "1.2.0", fwPackageURI: null, fwPackageCheckValue: null },
    });
  });

  it("signs a file, publishes it for the board's most specific name, and asks for it", async () => {
    const publisher = await TestPublisher.start();
    const context = contextOf(publisher);
    const file = await publisher.file("app-1.2.0.img", "an image");
    expect(await runCommandLine(["update", "-d", "board-1", "--file", file, "--repo", publisher.folder], context)).toBe(
      0,
    );
    expect(context.err.text).toContain(`Published version 1.2.0 for ${board}`);
    expect(await publisher.board(board)).toMatchObject({ ok: true, trusted: { targets: [{ version: "1.2.0" }] } });
    expect(updatesOf(context)).toStrictEqual([{ fwVersion: "1.2.0", operationId: "update-id-1" }]);
  });

  it("names the command that signs a file, and publishes nothing", async () => {
    const context = contextOf();
    expect(await runCommandLine("update -d board-1 --file f.img --version 1.2.0".split(" "), context)).toBe(6);
    expect(context.err.text).toContain(
      "board-1 installs only images that its publisher has signed. Nothing was published or sent.",
    );
    expect(context.err.text).toContain("boardkeeper update -d board-1 --file f.img --version 1.2.0 --repo DIR");
    expect(updatesOf(context)).toStrictEqual([]);
  });
});

describe("boardkeeper update, to a board without a trust root", () => {
  it.each<[string, readonly string[]]>([
    ["a version alone", ["--version", "1.2.0"]],
    ["a repository", ["--file", "f.img", "--repo", "r"]],
  ])("does not ask for %s, and says what is missing", async (_what, options) => {
    const context = contextOf();
    context.hub.twins = [twinOf({}, {}, { trust: untrusting })];
    expect(await runCommandLine(["update", "-d", "board-1", ...options], context)).toBe(6);
    expect(context.err.text).toContain("board-1 has no trust root");
    expect(context.err.text).toContain("boardkeeper-agent trust add FILE");
    expect(updatesOf(context)).toStrictEqual([]);
  });

  it("publishes a file as before", async () => {
    const context = contextOf();
    context.hub.twins = [twinOf({}, {}, { trust: untrusting })];
    context.publishImage = () => Promise.resolve({ url: "https://localhost:1/f", size: 7, sha256: "a".repeat(64) });
    expect(await runCommandLine("update -d board-1 --file f.img".split(" "), context)).toBe(0);
    expect(updatesOf(context)).toMatchObject([{ fwPackageUri: "https://localhost:1/f", fwPackageSize: 7 }]);
  });
});

it("--repo needs a file", async () => {
  const context = contextOf();
  expect(await runCommandLine("update -d board-1 --repo r --version 1".split(" "), context)).toBe(2);
  expect(context.err.text).toContain("--repo publishes a file: name it with --file.");
});
