import { describe, expect, it } from "vitest";
import { createHealthCheck, waitForLink } from "../../../../agent/update/health-check.ts";
import { AgentError, errorMessage } from "../../../../agent/lib/errors.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const terms = { healthyForMs: 30_000, deadlineMs: 600_000 };

interface Setup {
  readonly time: FakeTime;
  link: boolean;
  /** What the installer finds wrong. */
  fault: Error | undefined;
  outcome: string;
  message: string;
}

/** A proof under way: what it has come to shows in `outcome`. */
function proving(before: { linkUp: boolean }, link: boolean): Setup {
  const time = new FakeTime();
  const setup: Setup = { time, link, fault: undefined, outcome: "under way", message: "" };
  const check = createHealthCheck({ ...fakeRuntime({ time }), linkUp: () => setup.link }, terms);
  const healthy = async (): Promise<void> => {
    if (setup.fault !== undefined) throw setup.fault;
  };
  check.verify(before, healthy, new AbortController().signal).then(
    () => (setup.outcome = "healthy"),
    (cause: unknown) => {
      setup.outcome = cause instanceof AgentError ? cause.code : "?";
      setup.message = errorMessage(cause);
    },
  );
  return setup;
}

describe("the health check", () => {
  it("takes as long as the system has to be healthy without a break", async () => {
    const setup = proving({ linkUp: true }, true);
    await setup.time.advance(29_000);
    expect(setup.outcome).toBe("under way");
    await setup.time.advance(2_000);
    expect(setup.outcome).toBe("healthy");
  });

  it("begins anew with each break of the link", async () => {
    const setup = proving({ linkUp: true }, true);
    await setup.time.advance(29_000);
    setup.link = false;
    await setup.time.advance(2_000);
    setup.link = true;
    await setup.time.advance(29_000);
    expect(setup.outcome).toBe("under way");
    await setup.time.advance(3_000);
    expect(setup.outcome).toBe("healthy");
  });

  it("fails when the new system does not reach the hub that the old one reached", async () => {
    const setup = proving({ linkUp: true }, false);
    await setup.time.advance(599_000);
    expect(setup.outcome).toBe("under way");
    await setup.time.advance(2_000);
    expect(setup.outcome).toBe("not-proven");
  });

  it("asks no hub of the new system that the old one did not reach either", async () => {
    const setup = proving({ linkUp: false }, false);
    await setup.time.advance(31_000);
    expect(setup.outcome).toBe("healthy");
  });

  it("begins anew each time the installer finds the new system unhealthy", async () => {
    const setup = proving({ linkUp: false }, false);
    await setup.time.advance(29_000);
    setup.fault = new AgentError("not-proven", "app.service is not running.");
    await setup.time.advance(2_000);
    setup.fault = undefined;
    await setup.time.advance(29_000);
    expect(setup.outcome).toBe("under way");
    await setup.time.advance(3_000);
    expect(setup.outcome).toBe("healthy");
  });

  it("fails with what the installer found wrong, whatever error that was", async () => {
    const setup = proving({ linkUp: false }, false);
    setup.fault = new Error("app.service is not running.");
    await setup.time.advance(601_000);
    expect(setup.outcome).toBe("not-proven");
    expect(setup.message).toContain("within 600 s: app.service is not running.");
  });

  it("ends when it is aborted", async () => {
    const time = new FakeTime();
    const stopping = new AbortController();
    const proven = createHealthCheck({ ...fakeRuntime({ time }), linkUp: () => false }, terms).verify(
      { linkUp: true },
      async () => undefined,
      stopping.signal,
    );
    await settle();
    stopping.abort(new Error("stopped"));
    await expect(proven).rejects.toThrow("stopped");
    expect(time.sleepers).toBe(0);
  });
});

describe("the measure of the new system", () => {
  it.each([
    ["a link that is up", 0, true],
    ["a link that comes back within minutes", 120_000, true],
    ["a link that stays away", 400_000, false],
  ])("counts %s", async (_what, upAfterMs, expected) => {
    const time = new FakeTime();
    const upAt = time.nowMs() + upAfterMs;
    const ports = { ...fakeRuntime({ time }), linkUp: () => time.nowMs() >= upAt };
    const measured = waitForLink(ports, new AbortController().signal);
    await time.advance(300_000);
    expect(await measured).toBe(expected);
  });
});
