import { describe, expect, it } from "vitest";
import { PlainProgress } from "../../../../service-tools/watch/plain-progress.ts";
import type { Progress } from "../../../../service-tools/watch/tracker.ts";
import { FakeContext } from "../../../support/fake-context.ts";

const progress = (phases: string[], more: Partial<Progress> = {}): Progress => ({
  phases: phases.map((phase) => ({ phase, note: "" })),
  download: null,
  delay: null,
  online: true,
  ...more,
});

describe("in a file or a pipe", () => {
  it("each phase is one line, with the elapsed time", async () => {
    const context = new FakeContext();
    const view = new PlainProgress(context.err, context.timer);
    view.show(progress(["accepted"]));
    await context.time.advance(65_000);
    view.show(progress(["accepted", "downloading"]));
    view.show(progress(["accepted", "downloading"], { download: { receivedBytes: 1, totalBytes: 2 } }));
    view.show(progress(["accepted", "downloading", "rolledBack"]));
    view.close();
    expect(context.err.text).toBe("  0:00  accepted\n  1:05  downloading\n  1:05  rolled back\n");
  });

  it("what a download waits for is printed once, and that it continues", () => {
    const context = new FakeContext();
    const view = new PlainProgress(context.err, context.timer);
    const download = { receivedBytes: 1_048_576, totalBytes: null };
    view.show(progress(["downloading"], { download }));
    view.show(progress(["downloading"], { download, delay: "waits" }));
    view.show(progress(["downloading"], { download, delay: "waits" }));
    view.show(progress(["downloading"], { download }));
    view.show(progress(["downloading", "verifying"]));
    expect(context.err.text).toBe(
      [
        "  0:00  downloading",
        "  0:00  downloading  waits",
        "  0:00  downloading  continues, 1.0 MiB received",
        "  0:00  verifying",
        "",
      ].join("\n"),
    );
  });

  it("an outage of the hub is printed once, and its end", () => {
    const context = new FakeContext();
    const view = new PlainProgress(context.err, context.timer);
    view.hubUnreachable("The hub is away.");
    view.hubUnreachable("The hub is away.");
    view.show(progress(["rebooting"]));
    expect(context.err.text).toBe(
      "  0:00  The hub is away. Trying again.\n  0:00  the hub answers again\n  0:00  rebooting\n",
    );
  });
});
