import { describe, expect, it } from "vitest";
import { followView } from "../../../../service-tools/watch/progress-view.ts";
import { phaseLine, progressBar } from "../../../../service-tools/watch/lines.ts";
import type { Scene } from "../../../../service-tools/watch/tracker.ts";
import { FakeWorld } from "../../../support/world.ts";

const scene = (phases: string[], more: Partial<Scene> = {}): Scene => ({
  phases: phases.map((phase) => ({ phase, note: "" })),
  progress: null,
  delay: null,
  online: true,
  ...more,
});

describe("elsewhere than on a terminal", () => {
  it("each phase is one line, with the time since the beginning", async () => {
    const world = new FakeWorld();
    const view = followView(world.err, world.timer);
    view.show(scene(["accepted"]));
    await world.time.advance(65_000);
    view.show(scene(["accepted", "downloading"]));
    view.show(scene(["accepted", "downloading"], { progress: { receivedBytes: 1, totalBytes: 2 } }));
    view.show(scene(["accepted", "downloading", "rolledBack"]));
    view.close("bad");
    expect(world.err.text).toBe("  0:00  accepted\n  1:05  downloading\n  1:05  rolled back\n");
  });

  it("what a download waits for is told once, and that it goes on", () => {
    const world = new FakeWorld();
    const view = followView(world.err, world.timer);
    const progress = { receivedBytes: 1_048_576, totalBytes: null };
    view.show(scene(["downloading"], { progress }));
    view.show(scene(["downloading"], { progress, delay: "waits" }));
    view.show(scene(["downloading"], { progress, delay: "waits" }));
    view.show(scene(["downloading"], { progress }));
    view.show(scene(["downloading", "verifying"]));
    expect(world.err.text).toBe(
      [
        "  0:00  downloading",
        "  0:00  downloading  waits",
        "  0:00  downloading  goes on, 1.0 MiB received",
        "  0:00  verifying",
        "",
      ].join("\n"),
    );
  });

  it("an outage is told once, and its end", () => {
    const world = new FakeWorld();
    const view = followView(world.err, world.timer);
    view.trouble("The hub is away.");
    view.trouble("The hub is away.");
    view.show(scene(["rebooting"]));
    expect(world.err.text).toBe(
      "  0:00  The hub is away. Trying again.\n  0:00  the hub answers again\n  0:00  rebooting\n",
    );
  });
});

describe("on a terminal", () => {
  /** What stands on the screen: drawn over as a terminal does it. */
  function shown(text: string): string[] {
    return text.split("\n").map((line) => line.slice(line.lastIndexOf("\u001b[2K") + "\u001b[2K".length));
  }

  function liveWorld(): FakeWorld {
    const world = new FakeWorld();
    world.err.isTerminal = true;
    world.err.columns = 60;
    return world;
  }

  it("phases that are over stay, with the time at which they began; the present one is drawn over", async () => {
    const world = liveWorld();
    const view = followView(world.err, world.timer);
    view.show(scene(["accepted"]));
    await world.time.advance(2_000);
    view.show(scene(["accepted", "downloading"], { progress: { receivedBytes: 1_048_576, totalBytes: 2_097_152 } }));
    const [accepted, live = ""] = shown(world.err.text);
    expect(accepted).toBe("  ✓ 0:00  accepted");
    expect(live.slice(4)).toBe("0:02  downloading  ━━━━━─────  50 %  1.0 MiB of 2.0 MiB");
    await world.time.advance(1_000);
    view.show(scene(["accepted", "downloading", "failed"]));
    view.close("bad");
    expect(shown(world.err.text)).toEqual(["  ✓ 0:00  accepted", "  ✓ 0:02  downloading", "  ✗ 0:03  failed", ""]);
  });

  it.each<[string, Scene, string]>([
    [
      "a board that is down",
      scene(["rebooting"], { online: false }),
      "rebooting    the board is down, waiting for it to come back",
    ],
    [
      "an offline board that has not begun",
      scene([], { online: false }),
      "the board is offline; it begins when it is back",
    ],
    [
      "a download that is held up",
      scene(["downloading"], { delay: "waits", progress: { receivedBytes: 1, totalBytes: 2 } }),
      "downloading  waits",
    ],
    [
      "a download of unknown size",
      scene(["downloading"], { progress: { receivedBytes: 195_035_136, totalBytes: null } }),
      "downloading  186.0 MiB received",
    ],
    ["a board that has not begun", scene([]), "waiting for the board to begin"],
  ])("shows %s", (_what, present, line) => {
    const world = liveWorld();
    world.err.columns = 80;
    followView(world.err, world.timer).show(present);
    expect(shown(world.err.text)[0]?.slice(10)).toBe(line);
  });

  it("never lets a line wrap", () => {
    const world = liveWorld();
    world.err.columns = 30;
    const view = followView(world.err, world.timer);
    view.show(scene(["rebooting"], { online: false }));
    view.trouble("The local hub (localhost:12345) cannot be reached: connect ECONNREFUSED.");
    view.show(scene(["downloading"], { progress: { receivedBytes: 5, totalBytes: 10 } }));
    const drawn = world.err.text.split("\u001b[2K").map((line) => line.replace("\r", "").length);
    expect(Math.max(...drawn)).toBeLessThan(30);
  });

  it("leaves nothing of a live line that never came to a phase", () => {
    const world = liveWorld();
    const view = followView(world.err, world.timer);
    view.show(scene([]));
    view.close("open");
    expect(shown(world.err.text)).toEqual([""]);
  });
});

describe("a progress bar", () => {
  it.each([
    [0, 64, "──────────────────────────────   0 %  0 B of 64 B"],
    [32, 64, "━━━━━━━━━━━━━━━───────────────  50 %  32 B of 64 B"],
    [64, 64, "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100 %  64 B of 64 B"],
    [70, 64, "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100 %  70 B of 64 B"],
    [70, null, "70 B received"],
  ])("for %i of %s bytes", (receivedBytes, totalBytes, bar) => {
    expect(progressBar({ receivedBytes, totalBytes }, 80)).toBe(bar);
  });

  it("gives way to its figures where there is no room", () => {
    expect(progressBar({ receivedBytes: 32, totalBytes: 64 }, 20)).toBe(" 50 %  32 B of 64 B");
  });

  it("lines up the notes of phases", () => {
    expect(phaseLine({ phase: "staged", note: "waits" })).toBe("staged       waits");
  });
});
