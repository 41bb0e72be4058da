import { describe, expect, it } from "vitest";
import type { Json } from "../../../../../agent/contract/json.ts";
import { DeviceGone, DeviceOffline, HubUnreachable, TimedOut } from "../../../../../service-tools/cli/errors.ts";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

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
  ])("calls the board: %s", async (options, payload) => {
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

  it("calls a module if one is named, and prints a document for programs", async () => {
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
  ])("does not suggest to repeat it when the board %s", async (_what, error, exitCode) => {
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
  ])("prints a refusal %s", async (_what, status, payload, text) => {
    const context = new FakeContext();
    context.hub.reply = { status, payload };
    expect(await ran(context, "reboot -d board-1")).toBe(6);
    expect(context.err.text).toBe(`boardkeeper: ${text}`);
    expect(context.out.text).toBe("");
  });
});

describe("a reboot that was requested before", () => {
  const again = { status: 200, payload: { ...accepted.payload, operationId: "op-1", repeated: true } };

  it.each<[string, object, string, string | null]>([
    ["proven", { operationId: "op-1", phase: "failed" }, "Its state: failed", "failed"],
    ["under way", { operationId: "op-1", phase: "rebooting" }, "Its state: rebooting", "rebooting"],
    ["overtaken", { operationId: "op-2", phase: "rebooting" }, "The board now reports another one", null],
  ])("is printed with its state: %s", async (_what, reboot, stands, phase) => {
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
