import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { twinOf } from "../../../../support/board-views.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

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
        "Features  in-place, lease, mirrors, operation-ids, withdraw",
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
