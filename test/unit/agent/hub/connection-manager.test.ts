import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import type { TwinDocuments } from "../../../../agent/hub/connection.ts";
import { QuotaCounter } from "../../../../agent/hub/session.ts";
import { ConnectionManager, type ConnectionHandlers } from "../../../../agent/hub/connection-manager.ts";
import { ConnectionError } from "../../../../agent/hub/connection-error.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { quiet } from "../../../support/logs.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

interface Fixture {
  readonly time: FakeTime;
  readonly manager: ConnectionManager;
  readonly handlers: ConnectionHandlers;
  readonly quota: QuotaCounter;
  readonly seen: string[];
  readonly sends: ((patch: JsonObject) => Promise<void>)[];
  /** What is said on the log at warning level. */
  readonly warnings: Record<string, unknown>[];
  attempts: number;
  /** Methods are answered after this. */
  answer: Promise<void>;
}

/** A connection manager whose attempts end as the list says; the last one is repeated. */
function fixture(outcomes: (FakeConnection | Error)[]): Fixture {
  const time = new FakeTime();
  const seen: string[] = [];
  const quota = new QuotaCounter();
  const made: Fixture = {
    quota,
    time,
    seen,
    sends: [],
    warnings: [],
    attempts: 0,
    answer: Promise.resolve(),
    handlers: {
      onMethod: async (name) => {
        await made.answer;
        return { status: 200, payload: { Response: name } };
      },
      onMethodAnswered: () => undefined,
      onDesired: (desired, version) => seen.push(`desired ${version} ${JSON.stringify(desired)}`),
      onConnected: (reported, send) => {
        seen.push(`up ${JSON.stringify(reported)}`);
        made.sends.push(send);
      },
      onDisconnected: () => seen.push("down"),
    },
    manager: new ConnectionManager({
      connect: () => {
        const outcome = outcomes[Math.min(made.attempts, outcomes.length - 1)];
        made.attempts += 1;
        return outcome instanceof FakeConnection ? Promise.resolve(outcome) : Promise.reject(outcome);
      },
      ...fakeRuntime({
        time,
        log: { ...quiet, warn: (fields: Record<string, unknown>) => made.warnings.push(fields) },
      }),
      quota,
    }),
  };
  return made;
}

describe("the connection manager", () => {
  it("lets methods in before it reads the twin, then hands both sections on", async () => {
    const connection = new FakeConnection({ desired: { a: 1 }, desiredVersion: 7, reported: { b: 2 } });
    const { manager, handlers, seen } = fixture([connection]);
    manager.start(handlers);
    await settle();
    expect(await connection.callers?.onMethod("getStatus", null)).toMatchObject({ status: 200 });
    expect(seen).toStrictEqual(['up {"b":2}', 'desired 7 {"a":1}']);
    expect(manager.isConnected).toBe(true);
    await manager.stop();
    expect(connection.closed).toBe(true);
    expect(seen.at(-1)).toBe("down");
  });

  it("tries for ever, waiting longer each time up to a minute", async () => {
    const made = fixture([new Error("ECONNREFUSED")]);
    made.manager.start(made.handlers);
    await made.time.advance(86_400_000);
    expect(made.attempts).toBeGreaterThan(1_000);
    await made.manager.stop();
  });

  it("connects as soon as the hub is there", async () => {
    const made = fixture([new Error("ENOTFOUND"), new Error("ENOTFOUND"), new FakeConnection()]);
    made.manager.start(made.handlers);
    await made.time.advance(2_000);
    expect(made.manager.isConnected).toBe(true);
    await made.manager.stop();
  });

  it("makes a new connection when one is lost", async () => {
    const first = new FakeConnection();
    const made = fixture([first, new FakeConnection()]);
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

  it("drops a connection on which a report is not acknowledged", async () => {
    const first = new FakeConnection();
    first.reportErrors = [new ConnectionError("silent", "report: no answer")];
    const made = fixture([first, new FakeConnection()]);
    made.manager.start(made.handlers);
    await settle();
    await expect(made.sends[0]?.({ a: 1 })).rejects.toThrow("no answer");
    await made.time.advance(1_000);
    expect(first.closed).toBe(true);
    expect(made.attempts).toBe(2);
    await made.manager.stop();
  });

  it("merges changes of the desired properties, each once, also those that came before the twin was read", async () => {
    let answer: (twin: TwinDocuments) => void = () => undefined;
    const slow = new Promise<TwinDocuments>((resolve) => (answer = resolve));
    const connection = new FakeConnection(slow);
    const { manager, handlers, seen } = fixture([connection]);
    manager.start(handlers);
    await settle();
    connection.callers?.onDesiredPatch({ patch: { a: 2 }, version: 5 });
    connection.callers?.onDesiredPatch({ patch: { b: 1 }, version: 6 });
    answer({ desired: { a: 2 }, desiredVersion: 5, reported: {} });
    await settle();
    connection.callers?.onDesiredPatch({ patch: { b: 1 }, version: 6 });
    connection.callers?.onDesiredPatch({ patch: { a: null }, version: 7 });
    expect(seen).toStrictEqual(["up {}", 'desired 5 {"a":2}', 'desired 6 {"a":2,"b":1}', 'desired 7 {"b":1}']);
    await manager.stop();
  });

  it("reads the twin anew when it missed a change", async () => {
    const first = new FakeConnection();
    const made = fixture([first, new FakeConnection({ desired: { a: 9 }, desiredVersion: 4, reported: {} })]);
    made.manager.start(made.handlers);
    await settle();
    first.callers?.onDesiredPatch({ patch: { a: 9 }, version: 4 });
    await made.time.advance(1_000);
    expect(made.seen.at(-1)).toBe('desired 4 {"a":9}');
    await made.manager.stop();
  });

  it("stops at once, even while the hub keeps it waiting for the twin", async () => {
    const connection = new FakeConnection(new Promise<never>(() => undefined));
    const { manager, handlers } = fixture([connection]);
    manager.start(handlers);
    await settle();
    await manager.stop();
    expect(connection.closed).toBe(true);
  });

  it("stops at once while it waits for its next attempt", async () => {
    const made = fixture([new Error("ECONNREFUSED")]);
    made.manager.start(made.handlers);
    await settle();
    await made.manager.stop();
    expect(made.time.sleepers).toBe(0);
  });

  it.each<[string, ConnectionError]>([
    ["throttles", new ConnectionError("throttled", "429")],
    ["has no messages left today", new ConnectionError("quota", "403")],
    ["cannot answer", new ConnectionError("hub-error", "503")],
  ])("keeps the connection when the hub %s, and asks again when it may", async (_what, error) => {
    const connection = new FakeConnection();
    connection.twinErrors = [error, error];
    connection.reportErrors = [error];
    const made = fixture([connection]);
    made.manager.start(made.handlers);
    await made.time.advance(60_000);
    // Methods are answered all the while.
    expect(await connection.callers?.onMethod("getStatus", null)).toMatchObject({ status: 200 });
    await made.time.advance(3_600_000);
    expect(made.manager.isConnected).toBe(true);
    const reported = made.sends[0]?.({ a: 1 });
    await made.time.advance(3_600_000);
    await expect(reported).resolves.toBeUndefined();
    expect(made.attempts).toBe(1);
    expect(made.quota.counts).toStrictEqual({ connects: 1, twinReads: 3, reports: 2, messages: 0 });
    await made.manager.stop();
  });

  it("ends a connection that was lost while the hub asked for patience", async () => {
    const first = new FakeConnection();
    first.twinErrors = Array.from({ length: 9 }, () => new ConnectionError("quota", "403"));
    const made = fixture([first, new FakeConnection()]);
    made.manager.start(made.handlers);
    await settle();
    first.lose(new ConnectionError("lost", "ECONNRESET"));
    await made.time.advance(1_000);
    expect(made.manager.isConnected).toBe(true);
    await made.manager.stop();
    expect(made.time.sleepers).toBe(0);
  });

  it("renews a connection about once a day, when nothing is under way, and at once", async () => {
    let finish: () => void = () => undefined;
    const first = new FakeConnection();
    const made = fixture([first, new FakeConnection()]);
    made.manager.start(made.handlers);
    await settle();
    made.answer = new Promise((resolve) => (finish = resolve));
    const call = first.callers?.onMethod("firmwareUpdate", null);
    await made.time.advance(21 * 3_600_000);
    expect(made.attempts).toBe(1);
    finish();
    await call;
    await made.time.advance(2_000);
    expect(made.attempts).toBe(2);
    expect(made.manager.isConnected).toBe(true);
    await made.manager.stop();
  });

  it("holds on to nothing of the connections before", async () => {
    const connections = Array.from({ length: 300 }, () => new FakeConnection());
    const made = fixture([...connections, new FakeConnection()]);
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

  it("finds a desired change whose notification got lost within hours, at the price of a few readings a day", async () => {
    const twin = { desired: {}, desiredVersion: 1, reported: {} };
    const first = new FakeConnection(twin);
    const made = fixture([first, new FakeConnection({ desired: { a: 1 }, desiredVersion: 2, reported: {} })]);
    made.manager.start(made.handlers);
    await made.time.advance(15 * 3_600_000);
    expect(made.quota.counts).toMatchObject({ connects: 1, twinReads: 4 });
    twin.desiredVersion = 2;
    await made.time.advance(7 * 3_600_000);
    expect(made.seen.at(-1)).toBe('desired 2 {"a":1}');
    expect(made.quota.counts.connects).toBe(2);
    await made.manager.stop();
  });

  it("says what stands in the way, once for each change", async () => {
    const refused = new ConnectionError("refused", "connect: the hub does not accept these credentials");
    const made = fixture([new ConnectionError("no-network", "ENOTFOUND"), refused, refused, new FakeConnection()]);
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
});
