import { expect, it, onTestFinished } from "vitest";
import { createLog } from "../../../../agent/lib/log.ts";
import { ServiceWatchdog } from "../../../../agent/watchdog/service-watchdog.ts";
import type { Activity } from "../../../../agent/watchdog/stall-detector.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

/** An watchdog of an agent that does what the test says, and what systemd has heard of it. */
function setup(watchdogMs: number | null = 60_000): {
  readonly watchdog: ServiceWatchdog;
  readonly heard: string[];
  readonly lines: string[];
  readonly time: FakeTime;
  readonly agent: { work: Activity[]; status: string };
} {
  const time = new FakeTime();
  const heard: string[] = [];
  const lines: string[] = [];
  const agent = { work: [] as Activity[], status: "Nothing to do." };
  const watchdog = new ServiceWatchdog({
    manager: { watchdogMs, notify: (...assignments) => void heard.push(...assignments) },
    ...fakeRuntime({ time, log: createLog("info", { write: (line) => lines.push(line) }) }),
    activities: () => agent.work,
    status: () => agent.status,
  });
  onTestFinished(async () => await watchdog.stop());
  return { watchdog, heard, lines, time, agent };
}

it("says that the agent is ready, and feeds the watchdog each quarter of its time", async () => {
  const { watchdog, heard, time } = setup();
  watchdog.start();
  await settle();
  expect(heard).toEqual(["READY=1", "WATCHDOG=1", "STATUS=Nothing to do."]);
  heard.length = 0;
  await time.advance(60_000);
  expect(heard.filter((one) => one === "WATCHDOG=1")).toHaveLength(4);
});

it("says it again until it is heard: the first word may be lost", async () => {
  const { watchdog, heard, time } = setup();
  watchdog.start();
  await settle();
  heard.length = 0; // systemd's queue was full.
  await time.advance(15_000);
  expect(heard).toEqual(["READY=1", "WATCHDOG=1", "STATUS=Nothing to do."]);
});

it("says how the agent is when that has changed, and not when it has not", async () => {
  const { watchdog, heard, time, agent } = setup();
  watchdog.start();
  await settle();
  heard.length = 0;
  watchdog.refresh();
  agent.status = "Rebooting.";
  watchdog.refresh();
  watchdog.refresh();
  expect(heard).toEqual(["STATUS=Rebooting."]);
  agent.status = "Downloading.";
  await time.advance(15_000);
  expect(heard).toEqual(["STATUS=Rebooting.", "READY=1", "WATCHDOG=1", "STATUS=Downloading."]);
});

it("stops feeding the watchdog and has the agent ended when an activity stalls, although the event loop runs", async () => {
  const { watchdog, heard, lines, time, agent } = setup();
  watchdog.start();
  agent.work = [{ name: "update: install", progressMark: "a", stallLimitMs: 120_000 }];
  await time.advance(135_000);
  expect(heard).not.toContain("WATCHDOG=trigger");
  await time.advance(15_000);
  expect(heard.slice(-2)).toEqual([
    "STATUS=Stalled: update: install has not moved for 2 min. systemd restarts the agent.",
    "WATCHDOG=trigger",
  ]);
  expect(lines).toEqual([expect.stringContaining('"level":"fatal"')]);
  const before = heard.length;
  await time.advance(600_000);
  watchdog.refresh();
  expect(heard.slice(before)).not.toContain("WATCHDOG=1");
});

it("goes on feeding while work waits, for however long", async () => {
  const { watchdog, heard, time, agent } = setup();
  watchdog.start();
  agent.work = [{ name: "update: awaitRelease", progressMark: "a", stallLimitMs: null }];
  await time.advance(3_600_000);
  expect(heard).not.toContain("WATCHDOG=trigger");
  expect(heard.filter((one) => one === "WATCHDOG=1")).toHaveLength(241);
});

it("detects stalls where no watchdog is set too, and says that it stops", async () => {
  const { watchdog, heard, lines, time, agent } = setup(null);
  watchdog.start();
  agent.work = [{ name: "reboot: reboot", progressMark: "a", stallLimitMs: 10_000 }];
  await time.advance(45_000);
  expect(lines).toHaveLength(1);
  await watchdog.stop();
  expect(heard.slice(-2)).toEqual(["STOPPING=1", "STATUS=Stopping."]);
});
