import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import { formatLinkStatus } from "../../../../agent/hub/link-status.ts";
import { ConnectionError } from "../../../../agent/hub/connection-error.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";
import { settle } from "../../../support/fake-time.ts";
import { managedConnection } from "../../../support/managed-connection.ts";

describe("the connection manager", () => {
  it("tries for ever, waiting longer each time up to a minute", async () => {
    const made = managedConnection([new Error("ECONNREFUSED")]);
    made.manager.start(made.handlers);
    await made.time.advance(86_400_000);
    expect(made.attempts).toBeGreaterThan(1_000);
    await made.manager.stop();
  });

  it("connects as soon as the hub is there", async () => {
    const made = managedConnection([new Error("ENOTFOUND"), new Error("ENOTFOUND"), new FakeConnection()]);
    made.manager.start(made.handlers);
    await made.time.advance(2_000);
    expect(made.manager.isConnected).toBe(true);
    await made.manager.stop();
  });

  it("makes a new connection when one is lost", async () => {
    const first = new FakeConnection();
    const made = managedConnection([first, new FakeConnection()]);
    made.manager.start(made.handlers);
    await settle();
    first.lose(new Error("ECONNRESET"));
    await settle();
    expect(first.closed).toBe(true);
    expect(made.manager.isConnected).toBe(false);
    await made.time.advance(1_000);
    expect(made.seen).toStrictEqual(["up {}", "desired 1 {}", "down", "up {}", "desired 1 {}"]);
    await made.manager.stop();
  });

  it("stops at once, even while the hub keeps it waiting for the twin", async () => {
    const connection = new FakeConnection(new Promise<never>(() => undefined));
    const { manager, handlers } = managedConnection([connection]);
    manager.start(handlers);
    await settle();
    await manager.stop();
    expect(connection.closed).toBe(true);
  });

  it("stops at once while it waits for its next attempt", async () => {
    const made = managedConnection([new Error("ECONNREFUSED")]);
    made.manager.start(made.handlers);
    await settle();
    await made.manager.stop();
    expect(made.time.sleepers).toBe(0);
  });

  it("asks the hub for its time once after a refusal, follows steps of the own clock, and asks anew after a connection", async () => {
    const refused = new ConnectionError("refused", "no");
    const up = new FakeConnection();
    const answers = [null, Date.parse("2028-01-02T03:00:00.000Z"), Date.parse("2028-01-02T03:00:00.000Z")];
    let questions = 0;
    const made = managedConnection([refused, refused, refused, up, refused], () =>
      Promise.resolve(answers[questions++] ?? null),
    );
    const nextAttempt = async (): Promise<void> =>
      await made.time.advance((made.manager.status.nextAttemptMs ?? 0) - made.time.nowMs());
    made.time.isSynchronized = false;
    made.manager.start(made.handlers);
    await settle();
    expect(made.manager.status).toMatchObject({ diagnosis: "clock-or-credentials", reason: "no" });
    await nextAttempt();
    expect(made.manager.status).toMatchObject({
      diagnosis: "clock",
      reason: "no; this board's clock is 730 d behind the hub's",
    });
    // A time server sets the clock: that the key is wrong as well shows without asking the hub again.
    made.time.stepWall(730 * 86_400_000);
    await nextAttempt();
    expect(made.manager.status).toMatchObject({
      diagnosis: "credentials",
      reason: "no; this board's clock agrees with the hub's",
    });
    expect(questions).toBe(2);
    expect(made.warnings).toMatchObject([
      { diagnosis: "clock-or-credentials", reason: "no" },
      { diagnosis: "clock", reason: expect.stringContaining("730 d behind") as string },
      { diagnosis: "credentials", reason: expect.stringContaining("agrees with the hub's") as string },
    ]);
    await nextAttempt();
    expect(made.manager.isConnected).toBe(true);
    up.lose(new Error("ECONNRESET"));
    await settle();
    await nextAttempt();
    expect(questions).toBe(3);
    await made.manager.stop();
  });

  it("stops at once while it asks the hub for its time", async () => {
    const made = managedConnection(
      [new ConnectionError("refused", "no")],
      (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(null))),
    );
    made.manager.start(made.handlers);
    await settle();
    await made.manager.stop();
    expect(made.time.sleepers).toBe(0);
  });

  it("holds on to nothing of the connections before", async () => {
    const connections = Array.from({ length: 300 }, () => new FakeConnection());
    const made = managedConnection([...connections, new FakeConnection()]);
    made.manager.start(made.handlers);
    for (const connection of connections) {
      await made.time.advance(60_000);
      connection.lose(new ConnectionError("lost", "ECONNRESET"));
    }
    await made.time.advance(60_000);
    expect(made.manager.isConnected).toBe(true);
    expect(made.time.sleepers).toBe(2); // The renewal of the present one, and the next look at its twin.
    await made.manager.stop();
    expect(made.time.sleepers).toBe(0);
  });

  it("says what stands in the way, once for each change", async () => {
    const refused = new ConnectionError("refused", "connect: the hub does not accept these credentials");
    const made = managedConnection([
      new ConnectionError("no-network", "ENOTFOUND"),
      refused,
      refused,
      new FakeConnection(),
    ]);
    made.manager.start(made.handlers);
    await settle();
    expect(made.manager.diagnosis).toContain("cannot be reached");
    await made.time.advance(70_000);
    expect(made.manager.diagnosis).toContain("refuses this board's credentials");
    await made.time.advance(70_000);
    expect(made.manager.diagnosis).toBeNull();
    expect(made.warnings.map(({ diagnosis }) => diagnosis)).toStrictEqual(["offline", "credentials"]);
    await made.manager.stop();
  });

  it("tells since when it is not connected, why, and when it tries again", async () => {
    const connection = new FakeConnection();
    const made = managedConnection([
      connection,
      new ConnectionError("refused", "connect: SharedAccessKey=abc was refused"),
    ]);
    const link = (): JsonObject => formatLinkStatus(made.manager.status, made.time.nowMs());
    expect(link()).toMatchObject({ up: false, forSeconds: 0, kind: null, reason: null, nextAttemptInSeconds: null });
    made.manager.start(made.handlers);
    await made.time.advance(60_000);
    expect(link()).toMatchObject({ up: true, forSeconds: 60, kind: null, reason: null, nextAttemptInSeconds: null });
    connection.lose(new Error("ECONNRESET"));
    await made.time.advance(300_000);
    const { diagnosis, reason, nextAttemptInSeconds, ...lost } = link();
    expect(lost).toMatchObject({ up: false, forSeconds: 300, kind: "credentials" });
    expect(diagnosis).toContain("refuses this board's credentials");
    expect(reason).toBe("connect: SharedAccessKey=[secret] was refused");
    expect(nextAttemptInSeconds).toBeGreaterThan(0);
    await made.manager.stop();
  });
});
