import { describe, expect, it } from "vitest";
import type { Json } from "../../../../../agent/contract/json.ts";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

describe("boardkeeper cancel", () => {
  it.each([
    ["reboot", "cancelReboot"],
    ["update", "cancelFirmwareUpdate"],
  ])("%s calls the board", async (what, method) => {
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
  ])("without an argument cancels %s", async (_what, state, exitCode, methods) => {
    const context = new FakeContext();
    context.hub.reply = { status: 200, payload: { Response: "Yes", ...state } as Json };
    expect(await ran(context, "cancel -d board-1")).toBe(exitCode);
    expect(context.hub.calls.map(({ method }) => method)).toEqual(methods);
  });
});
