import { describe, expect, it } from "vitest";
import type { Json } from "../../../agent/contract/json.ts";
import { DeviceGone, DeviceOffline, HubUnreachable, TimedOut } from "../../../service-tools/cli/errors.ts";
import { runCommandLine } from "../../../service-tools/run.ts";
import { twinOf } from "../../support/board-views.ts";
import { FakeContext } from "../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

const accepted = {
  status: 200,
  payload: { Response: "Reboot scheduled", operationId: "reboot-id-1", scheduledFor: "t", mode: "systemd" },
};

describe("boardkeeper reboot", () => {
  it.each<[string, object]>([
    ["", {}],
    ["--in 5m", { delaySeconds: 300 }],
    ["--at 2026-01-02T23:59:00+01:00", { at: "2026-01-02T22:59:00.000Z" }],
    ["--window", { window: true }],
    ["--force --reason maintenance", { force: true, reason: "maintenance" }],
  ])("asks the board: %s", async (options, payload) => {
    const context = new FakeContext();
    context.hub.reply = accepted;
    expect(await ran(context, `reboot -d board-1 ${options}`.trim())).toBe(0);
    expect(context.hub.calls).toEqual([
      {
        target: { deviceId: "board-1", moduleId: undefined },
        method: "rebootDevice",
        payload: { ...payload, operationId: "reboot-id-1" },
      },
    ]);
    expect(context.out.text).toBe("Reboot scheduled (reboot-id-1)\n");
    expect(context.err.text).toBe("Watch it with: boardkeeper watch -d board-1\n");
    expect(context.hub.twinReads).toBe(0);
    expect(context.hub.isClosed).toBe(true);
  });

  it("asks a module where one is named, and answers programs with a document", async () => {
    const context = new FakeContext();
    context.hub.reply = accepted;
    expect(await ran(context, "reboot -d board-1 -m agent --operation-id mine -o json")).toBe(0);
    expect(context.hub.calls[0]).toMatchObject({
      target: { deviceId: "board-1", moduleId: "agent" },
      payload: { operationId: "mine" },
    });
    expect(JSON.parse(context.out.text)).toEqual({
      deviceId: "board-1",
      moduleId: "agent",
      operationId: "mine",
      outcome: "accepted",
      scheduledFor: "t",
      mode: "systemd",
      message: "Reboot scheduled",
    });
    expect(context.err.text).toContain("boardkeeper watch -d board-1 -m agent");
  });

  it.each([
    ["does not answer", new TimedOut("No answer."), 5],
    ["goes away", new DeviceGone("Gone."), 4],
    ["is lost with the hub", new HubUnreachable("Lost.", { mayHaveArrived: true }), 7],
  ])("says how to repeat it safely when the board %s", async (_what, error, exitCode) => {
    const context = new FakeContext();
    context.hub.reply = error;
    expect(await ran(context, "reboot -d board-1")).toBe(exitCode);
    expect(context.err.text).toContain("it is never done twice:\n  the same command with --operation-id reboot-id-1");
  });

  it.each([
    ["was offline", new DeviceOffline("Offline."), 4],
    ["could not be asked", new HubUnreachable("No route.", { mayHaveArrived: false }), 7],
  ])("does not speak of repeating when the board %s", async (_what, error, exitCode) => {
    const context = new FakeContext();
    context.hub.reply = error;
    expect(await ran(context, "reboot -d board-1")).toBe(exitCode);
    expect(context.err.text).not.toContain("--operation-id");
  });

  it.each<[string, number, Json, string]>([
    [
      "with our agent's words",
      409,
      { Response: "A reboot is pending.", error: { code: "already-scheduled", message: "A reboot is pending." } },
      "board-1 refused (409 already-scheduled): A reboot is pending.\n  Cancel it with: boardkeeper cancel -d board-1 reboot\n",
    ],
    [
      "over an inhibitor",
      409,
      { Response: "No reboot now.", error: { code: "inhibited", message: "No reboot now." } },
      "board-1 refused (409 inhibited): No reboot now.\n  To reboot anyway: boardkeeper reboot -d board-1 --force\n",
    ],
    [
      "without the methods that the board names where there are commands",
      409,
      {
        Response: "Busy (op-1). Wait for it, or cancel it with cancelReboot.",
        error: { code: "already-scheduled", message: "" },
      },
      "board-1 refused (409 already-scheduled): Busy (op-1).\n  Cancel it with: boardkeeper cancel -d board-1 reboot\n",
    ],
    ["with another agent's text", 500, "broken", "board-1 refused (500): broken\n"],
    ["with another agent's document", 400, { reason: 7 }, 'board-1 refused (400): {"reason":7}\n'],
    ["with nothing", 501, null, "board-1 refused (501): null\n"],
  ])("tells a refusal %s", async (_what, status, payload, text) => {
    const context = new FakeContext();
    context.hub.reply = { status, payload };
    expect(await ran(context, "reboot -d board-1")).toBe(6);
    expect(context.err.text).toBe(`boardkeeper: ${text}`);
    expect(context.out.text).toBe("");
  });
});

describe("a reboot that was asked for before", () => {
  const again = { status: 200, payload: { ...accepted.payload, operationId: "op-1", repeated: true } };

  it.each<[string, object, string, string | null]>([
    ["proven", { operationId: "op-1", phase: "failed" }, "Its state: failed", "failed"],
    ["under way", { operationId: "op-1", phase: "rebooting" }, "Its state: rebooting", "rebooting"],
    ["overtaken", { operationId: "op-2", phase: "rebooting" }, "The board now reports another one", null],
  ])("is told as it stands: %s", async (_what, reboot, stands, phase) => {
    const context = new FakeContext();
    context.hub.reply = again;
    context.hub.twins = [twinOf({}, reboot)];
    expect(await ran(context, "reboot -d board-1 --operation-id op-1")).toBe(0);
    expect(context.out.text).toBe(`This reboot was requested before and is not done twice. ${stands} (op-1)\n`);
    context.out.text = "";
    await ran(context, "reboot -d board-1 --operation-id op-1 -o json");
    expect(JSON.parse(context.out.text)).toMatchObject({ operationId: "op-1", repeated: true, phase });
  });
});

describe("a failure, to programs", () => {
  it.each<[string, Json | Error, object]>([
    [
      "the board says no",
      { Response: "No.", error: { code: "inhibited", message: "No." } },
      { code: "refused-by-device", status: 409, payload: { Response: "No." }, advice: expect.any(String) as string },
    ],
    ["the board is offline", new DeviceOffline("Offline."), { code: "device-offline", message: "Offline." }],
    [
      "the hub is lost",
      new HubUnreachable("Lost.", { mayHaveArrived: true }),
      { code: "hub-unreachable", mayHaveArrived: true },
    ],
    ["something else breaks", new Error("it broke"), { code: "operation-failed", message: "it broke" }],
  ])("is one document: %s", async (_what, answer, error) => {
    const context = new FakeContext();
    context.hub.reply = answer instanceof Error ? answer : { status: 409, payload: answer };
    await ran(context, "reboot -d board-1 -o json");
    expect(JSON.parse(context.out.text)).toMatchObject({ error });
  });

  it.each([
    "reboot -o json",
    "reboot -o=json",
    "frobnicate --output json",
    "hub --output=json",
    "status -ojson -d a/b",
  ])("is one where the command line cannot be, too: %s", async (line) => {
    const context = new FakeContext();
    expect(await ran(context, line)).toBe(2);
    expect(JSON.parse(context.out.text)).toEqual({
      error: { code: "usage", message: expect.stringMatching(/^[^(]/) as string },
    });
  });
});

describe("boardkeeper cancel", () => {
  it.each([
    ["reboot", "cancelReboot"],
    ["update", "cancelFirmwareUpdate"],
  ])("%s asks the board", async (what, method) => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Cancelled", operationId: "op-1" } };
    expect(await ran(context, `cancel -d board-1 ${what} --operation-id op-1`)).toBe(0);
    expect(context.hub.calls).toMatchObject([{ method, payload: { operationId: "op-1" } }]);
    expect(context.out.text).toBe("Cancelled (op-1)\n");
  });

  const reboot = { phase: "scheduled", operationId: "op-1" };
  const update = { phase: "downloading", operationId: "op-2" };

  it.each<[string, object, number, string[]]>([
    ["the reboot there is", { reboot, update: { phase: "completed" } }, 0, ["getStatus", "cancelReboot"]],
    [
      "the update there is",
      { update, reboot: { phase: "proven", operationId: "op-0" } },
      0,
      ["getStatus", "cancelFirmwareUpdate"],
    ],
    [
      "the update, not the reboot that it needs",
      { update: { phase: "rebooting" }, reboot: { phase: "rebooting" } },
      0,
      ["getStatus", "cancelFirmwareUpdate"],
    ],
    ["neither of two", { update, reboot }, 2, ["getStatus"]],
    ["nothing where there is nothing", { update: { phase: "idle" }, reboot: { phase: "idle" } }, 6, ["getStatus"]],
  ])("alone cancels %s", async (_what, state, exitCode, methods) => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Yes", ...state } as Json };
    expect(await ran(context, "cancel -d board-1")).toBe(exitCode);
    expect(context.hub.calls.map(({ method }) => method)).toEqual(methods);
  });
});

describe("boardkeeper apply", () => {
  it("orders what is staged", async () => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Being applied", operationId: "op-1" } };
    expect(await ran(context, "apply -d board-1")).toBe(0);
    expect(context.hub.calls).toMatchObject([{ method: "applyFirmwareUpdate", payload: {} }]);
    expect(context.out.text).toBe("Being applied (op-1)\n");
  });

  it("does not tell phases of the past as if they came now", async () => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Being applied", operationId: "op-1" } };
    const phase = (name: "staged" | "rebooting" | "completed"): ReturnType<typeof twinOf> =>
      twinOf(
        { phase: name, operationId: "op-1", version: "2.0.0" },
        {},
        name === "completed" ? { lastProvenUpdate: { operationId: "op-1", version: "2.0.0", at: "t" } } : {},
      );
    context.hub.twins = [phase("staged"), phase("staged"), phase("rebooting"), phase("completed")];
    const running = ran(context, "apply -d board-1 --wait");
    await context.time.advance(5_000);
    expect(await running).toBe(0);
    expect(context.err.text).toBe(
      [
        "Being applied (op-1)",
        "  0:00  staged",
        "  0:01  applying",
        "  0:01  rebooting",
        "  0:02  proving",
        "  0:02  completed",
        "",
      ].join("\n"),
    );
  });
});

describe("boardkeeper status", () => {
  it("is a summary for people, and for programs all that the agent has reported", async () => {
    const context = new FakeContext();
    const twin = twinOf({
      phase: "downloading",
      operationId: "op-1",
      version: "2.0.0",
      receivedBytes: 1_048_576,
      totalBytes: 2_097_152,
    });
    context.hub.twins = [twin];
    expect(await ran(context, "status -d board-1")).toBe(0);
    expect(context.out.text).toBe(
      [
        "Board     board-1",
        "Hardware  Raspberry Pi 4 Model B Rev 1.5, arm64, 3.8 GiB",
        "System    Debian GNU/Linux 13 (trixie), 6.12.25+rpt-rpi-v8",
        "Link      connected",
        "Agent     0.1.0, started 2026-01-02T03:00:00.000Z",
        "Boot      boot-1",
        "Firmware  1.0.0",
        "Update    downloading 2.0.0, 1.0 MiB of 2.0 MiB (op-1)",
        "Reboot    none proven yet",
        "",
      ].join("\n"),
    );
    context.out.text = "";
    expect(await ran(context, "status -d board-1 -o json")).toBe(0);
    expect(JSON.parse(context.out.text)).toMatchObject({
      deviceId: "board-1",
      moduleId: null,
      status: "enabled",
      connectionState: "Connected",
      boardkeeper: { update: { phase: "downloading", operationId: "op-1" }, firmwareVersion: "1.0.0" },
    });
  });
});

describe("boardkeeper twin", () => {
  it("prints the document", async () => {
    const context = new FakeContext();
    context.hub.twins = [{ deviceId: "board-1", tags: {} }];
    expect(await ran(context, "twin -d board-1")).toBe(0);
    expect(context.out.text).toBe('{\n  "deviceId": "board-1",\n  "tags": {}\n}\n');
  });

  it("merges what is given", async () => {
    const context = new FakeContext();
    expect(await ran(context, 'twin set -d board-1 --tags {"site":"north"} --desired {"boardkeeper":null}')).toBe(0);
    expect(context.hub.patches).toEqual([{ tags: { site: "north" }, desired: { boardkeeper: null } }]);
  });
});

describe("boardkeeper watch", () => {
  const rebooting = twinOf({}, { phase: "rebooting", operationId: "op-1" }, { connected: false });
  const proven = twinOf(
    {},
    {
      phase: "proven",
      operationId: "op-1",
      cause: "requested",
      last: { at: "2026-01-02T03:04:05.000Z", cause: "requested", clockSynchronized: true },
    },
    { bootId: "boot-2" },
  );

  it.each<[string, string[]]>([
    [
      "watch -d board-1",
      [
        "03:00:01Z  link     offline",
        "03:00:01Z  reboot   rebooting (op-1)",
        "03:00:03Z  link     connected",
        "03:00:03Z  agent    the board has booted (boot boot-2)",
        "03:00:03Z  reboot   proven at 2026-01-02T03:04:05.000Z, as requested",
      ],
    ],
    [
      "watch -d board-1 -o json",
      [
        '{"at":"2026-01-02T03:00:01.000Z","part":"link","deviceId":"board-1","moduleId":null,"phase":null,"operationId":null,"message":"offline"}',
        '{"at":"2026-01-02T03:00:01.000Z","part":"reboot","deviceId":"board-1","moduleId":null,"phase":"rebooting","operationId":"op-1","message":"rebooting (op-1)"}',
        '{"at":"2026-01-02T03:00:03.000Z","part":"link","deviceId":"board-1","moduleId":null,"phase":null,"operationId":null,"message":"connected"}',
        '{"at":"2026-01-02T03:00:03.000Z","part":"agent","deviceId":"board-1","moduleId":null,"phase":null,"operationId":null,"message":"the board has booted (boot boot-2)"}',
        '{"at":"2026-01-02T03:00:03.000Z","part":"reboot","deviceId":"board-1","moduleId":null,"phase":"proven","operationId":"op-1","message":"proven at 2026-01-02T03:04:05.000Z, as requested"}',
      ],
    ],
  ])("%s tells what happens, through an outage of the hub, until Ctrl-C", async (line, lines) => {
    const context = new FakeContext();
    context.hub.twins = [
      twinOf({}),
      rebooting,
      new HubUnreachable("The hub is away.", { mayHaveArrived: false }),
      proven,
    ];
    const running = ran(context, line);
    await context.time.advance(5_000);
    context.ctrlC();
    expect(await running).toBe(0);
    expect(context.out.text.trimEnd().split("\n").slice(-lines.length)).toEqual(lines);
    expect(context.err.text).toBe(
      "Watching board-1. Stop with Ctrl-C.\nThe hub is away. Trying again.\nThe hub answers again.\n",
    );
  });

  it("gives programs the opening state first, on one line", async () => {
    const context = new FakeContext();
    context.hub.twins = [twinOf({})];
    const running = ran(context, "watch -d board-1 -o json");
    await context.time.advance(2_000);
    context.ctrlC();
    expect(await running).toBe(0);
    expect(JSON.parse(context.out.text)).toMatchObject({
      part: "state",
      deviceId: "board-1",
      connectionState: "Connected",
      boardkeeper: { firmwareVersion: "1.0.0" },
    });
    expect(context.out.text.trimEnd().split("\n")).toHaveLength(1);
  });
});
