import { describe, expect, it } from "vitest";
import { TtyProgress } from "../../../../service-tools/watch/tty-progress.ts";
import type { Progress } from "../../../../service-tools/watch/tracker.ts";
import { FakeContext } from "../../../support/fake-context.ts";

const progress = (phases: string[], more: Partial<Progress> = {}): Progress => ({
  phases: phases.map((phase) => ({ phase, note: "" })),
  download: null,
  delay: null,
  online: true,
  ...more,
});

describe("on a terminal", () => {
  /** What stands on the screen: drawn over as a terminal does it. */
  function shown(text: string): string[] {
    return text.split("\n").map((line) => line.slice(line.lastIndexOf("\u001b[2K") + "\u001b[2K".length));
  }

  function terminalContext(): FakeContext {
    const context = new FakeContext();
    context.err.isTerminal = true;
    context.err.columns = 60;
    return context;
  }

  it("finished phases stay, with the time at which they began; the present one is redrawn", async () => {
    const context = terminalContext();
    const view = new TtyProgress(context.err, context.timer);
    view.show(progress(["accepted"]));
    await context.time.advance(2_000);
    view.show(progress(["accepted", "downloading"], { download: { receivedBytes: 1_048_576, totalBytes: 2_097_152 } }));
    const [accepted, live = ""] = shown(context.err.text);
    expect(accepted).toBe("  ✓ 0:00  accepted");
    expect(live.slice(4)).toBe("0:02  downloading  ━━━━━─────  50 %  1.0 MiB of 2.0 MiB");
    await context.time.advance(1_000);
    view.show(progress(["accepted", "downloading", "failed"]));
    view.close("bad");
    expect(shown(context.err.text)).toEqual(["  ✓ 0:00  accepted", "  ✓ 0:02  downloading", "  ✗ 0:03  failed", ""]);
  });

  it.each<[string, Progress, string]>([
    [
      "a board that is down",
      progress(["rebooting"], { online: false }),
      "rebooting    the board is down, waiting for it to come back",
    ],
    [
      "an offline board that has not begun",
      progress([], { online: false }),
      "the board is offline; it starts when it is back",
    ],
    [
      "a download that is held up",
      progress(["downloading"], { delay: "waits", download: { receivedBytes: 1, totalBytes: 2 } }),
      "downloading  waits",
    ],
    [
      "a download of unknown size",
      progress(["downloading"], { download: { receivedBytes: 195_035_136, totalBytes: null } }),
      "downloading  186.0 MiB received",
    ],
    ["a board that has not begun", progress([]), "waiting for the board to start"],
  ])("shows %s", (_what, present, line) => {
    const context = terminalContext();
    context.err.columns = 80;
    new TtyProgress(context.err, context.timer).show(present);
    expect(shown(context.err.text)[0]?.slice(10)).toBe(line);
  });

  it("never lets a line wrap", () => {
    const context = terminalContext();
    context.err.columns = 30;
    const view = new TtyProgress(context.err, context.timer);
    view.show(progress(["rebooting"], { online: false }));
    view.hubUnreachable("The local hub (localhost:12345) cannot be reached: connect ECONNREFUSED.");
    view.show(progress(["downloading"], { download: { receivedBytes: 5, totalBytes: 10 } }));
    const drawn = context.err.text.split("\u001b[2K").map((line) => line.replace("\r", "").length);
    expect(Math.max(...drawn)).toBeLessThan(30);
  });

  it("leaves no line when no phase began", () => {
    const context = terminalContext();
    const view = new TtyProgress(context.err, context.timer);
    view.show(progress([]));
    view.close("open");
    expect(shown(context.err.text)).toEqual([""]);
  });
});
