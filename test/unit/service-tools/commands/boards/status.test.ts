import { describe, expect, it } from "vitest";
import { TimedOut } from "../../../../../service-tools/cli/errors.ts";
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
        "Features  in-place, lease, mirrors, operation-ids, signed, withdraw",
        "Trust     signed images only, trust root 1, good until 2036-01-02T03:04:05.000Z",
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
      reporting: null,
    });
  });

  const full = "The twin is full: other software has filled it.";
  const update = { phase: "completed", operationId: "op-2", version: "3.0.0", lastProven: null };
  const said = (state: string, message: string): FakeContext["hub"]["reply"] => ({
    status: 200,
    payload: {
      agent: { version: "0.1.0", bootId: "boot-1" },
      firmwareVersion: "3.0.0",
      update,
      reboot: { phase: "idle" },
      link: { up: true, reporting: { state, message } },
    },
  });

  it("is the board's own word where its twin takes no reports, and says why", async () => {
    const context = new FakeContext();
    context.hub.twins = [twinOf({ phase: "downloading", operationId: "op-1", version: "2.0.0" })];
    context.hub.reply = said("refused", full);
    expect(await ran(context, "status -d board-1")).toBe(0);
    expect(context.out.text).toContain(`Twin      ${full}\n`);
    expect(context.out.text).toMatch(/^Update +completed 3\.0\.0 \(op-2\)/m);
    context.out.text = "";
    expect(await ran(context, "status -d board-1 -o json")).toBe(0);
    expect(JSON.parse(context.out.text)).toMatchObject({
      reporting: full,
      boardkeeper: { update: { operationId: "op-1" } },
    });
  });

  it("is the twin's where that is only reduced, with the reason, and where the board does not answer", async () => {
    const context = new FakeContext();
    context.hub.twins = [twinOf({ phase: "downloading", operationId: "op-1", version: "2.0.0" })];
    context.hub.reply = said("reduced", full);
    expect(await ran(context, "status -d board-1")).toBe(0);
    expect(context.out.text).toContain(`Twin      ${full}\n`);
    expect(context.out.text).toContain("downloading 2.0.0");
    context.out.text = "";
    context.hub.reply = new TimedOut("No answer.");
    expect(await ran(context, "status -d board-1")).toBe(0);
    expect(context.out.text).not.toContain("Twin");
  });

  it("of a board that is offline asks nobody", async () => {
    const context = new FakeContext();
    context.hub.twins = [twinOf({}, {}, { connected: false })];
    expect(await ran(context, "status -d board-1")).toBe(0);
    expect(context.hub.calls).toEqual([]);
  });
});
