import { describe, expect, it } from "vitest";
import type { TwinDocuments } from "../../../../agent/hub/connection.ts";
import { ConnectionError } from "../../../../agent/hub/connection-error.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";
import { settle } from "../../../support/fake-time.ts";
import { managedConnection } from "../../../support/managed-connection.ts";

describe("a session", () => {
  it("lets methods in before it reads the twin, then hands both sections on", async () => {
    const connection = new FakeConnection({ desired: { a: 1 }, desiredVersion: 7, reported: { b: 2 } });
    const { manager, handlers, seen } = managedConnection([connection]);
    manager.start(handlers);
    await settle();
    expect(await connection.callers?.onMethod("getStatus", null)).toMatchObject({ status: 200 });
    expect(seen).toStrictEqual(['up {"b":2}', 'desired 7 {"a":1}']);
    expect(manager.isConnected).toBe(true);
    await manager.stop();
    expect(connection.closed).toBe(true);
    expect(seen.at(-1)).toBe("down");
  });

  it("drops a connection on which a report is not acknowledged", async () => {
    const first = new FakeConnection();
    first.reportErrors = [new ConnectionError("silent", "report: no answer")];
    const made = managedConnection([first, new FakeConnection()]);
    made.manager.start(made.handlers);
    await settle();
    await expect(made.sends[0]?.({ a: 1 })).rejects.toThrow("no answer");
    await made.time.advance(1_000);
    expect(first.closed).toBe(true);
    expect(made.attempts).toBe(2);
    await made.manager.stop();
  });

  it("takes no hub for a rival that ends connections while the board subscribes, before its twin was read", async () => {
    const connections = Array.from({ length: 4 }, () => {
      const connection = new FakeConnection();
      connection.subscribe = () => {
        connection.lose(new ConnectionError("lost", "the hub ended the connection"));
        return connection.lost.then(async (why) => await Promise.reject<void>(why));
      };
      return connection;
    });
    const { manager, handlers, time, warnings } = managedConnection(connections);
    manager.start(handlers);
    await time.advance(120_000);
    const diagnoses = warnings.map(({ diagnosis }) => diagnosis);
    expect(diagnoses).toContain("twin-work-ends-connection");
    expect(diagnoses).not.toContain("duplicate-identity");
    await manager.stop();
  });

  it("reads the twin after a notification, once for all that come together", async () => {
    const twin = { desired: { a: 1, old: true }, desiredVersion: 5, reported: {} };
    const connection = new FakeConnection(twin);
    const { manager, handlers, seen, time, quota } = managedConnection([connection]);
    manager.start(handlers);
    await settle();
    // The document was replaced, which its notification does not show; a second change follows at once.
    Object.assign(twin, { desired: { a: 3 }, desiredVersion: 7 });
    connection.callers?.onDesiredChange(6);
    connection.callers?.onDesiredChange(7);
    await time.advance(1_000);
    connection.callers?.onDesiredChange(7);
    await time.advance(1_000);
    expect(seen).toStrictEqual(["up {}", 'desired 5 {"a":1,"old":true}', "reported {}", 'desired 7 {"a":3}']);
    expect(quota.counts.twinReads).toBe(2);
    await manager.stop();
  });

  it("takes a notification that came before the twin was read for known, where the twin has it", async () => {
    let answer: (twin: TwinDocuments) => void = () => undefined;
    const slow = new Promise<TwinDocuments>((resolve) => (answer = resolve));
    const connection = new FakeConnection(slow);
    const { manager, handlers, seen, time, quota } = managedConnection([connection]);
    manager.start(handlers);
    await settle();
    connection.callers?.onDesiredChange(5);
    answer({ desired: { a: 2 }, desiredVersion: 5, reported: {} });
    await time.advance(1_000);
    expect(seen).toStrictEqual(["up {}", 'desired 5 {"a":2}']);
    expect(quota.counts.twinReads).toBe(1);
    await manager.stop();
  });

  it("hands on a document whose version has gone back: its hub was restored, or its device created anew", async () => {
    const twin = { desired: { a: 1 }, desiredVersion: 9, reported: {} };
    const connection = new FakeConnection(twin);
    const { manager, handlers, seen, time } = managedConnection([connection]);
    manager.start(handlers);
    await settle();
    Object.assign(twin, { desired: { b: 1 }, desiredVersion: 2 });
    connection.callers?.onDesiredChange(2);
    await time.advance(1_000);
    expect(seen.at(-1)).toBe('desired 2 {"b":1}');
    await manager.stop();
  });

  it("asks again for a document that its hub has announced and does not hold yet", async () => {
    const twin = { desired: {}, desiredVersion: 1, reported: {} };
    const connection = new FakeConnection(twin);
    const made = managedConnection([connection]);
    made.manager.start(made.handlers);
    await settle();
    connection.callers?.onDesiredChange(2);
    await made.time.advance(1_000);
    expect(made.seen).not.toContain('desired 2 {"a":1}');
    Object.assign(twin, { desired: { a: 1 }, desiredVersion: 2 });
    await made.time.advance(5_000);
    expect(made.seen.at(-1)).toBe('desired 2 {"a":1}');
    expect(made.attempts).toBe(1);
    await made.manager.stop();
  });

  it("stays connected where each reading is overtaken by another change", async () => {
    const twin = { desired: {}, desiredVersion: 1, reported: {} };
    const connection = new FakeConnection(twin);
    const made = managedConnection([connection]);
    made.manager.start(made.handlers);
    await settle();
    connection.whileReading = () => {
      if (twin.desiredVersion === 20) return;
      twin.desiredVersion += 1;
      connection.callers?.onDesiredChange(twin.desiredVersion);
    };
    connection.callers?.onDesiredChange((twin.desiredVersion = 2));
    await made.time.advance(20_000);
    expect(made.seen.at(-1)).toBe("desired 20 {}");
    expect(made.attempts).toBe(1);
    await made.manager.stop();
  });

  it("connects anew where its hub never holds what it has announced", async () => {
    const first = new FakeConnection();
    const made = managedConnection([first, new FakeConnection({ desired: { a: 9 }, desiredVersion: 4, reported: {} })]);
    made.manager.start(made.handlers);
    await settle();
    first.callers?.onDesiredChange(4);
    await made.time.advance(60_000);
    expect(made.seen.at(-1)).toBe('desired 4 {"a":9}');
    expect(made.attempts).toBe(2);
    await made.manager.stop();
  });

  it("hands on the reported properties of a later reading, unless a report crosses it", async () => {
    const twin = { desired: {}, desiredVersion: 1, reported: { a: 1 } };
    const connection = new FakeConnection(twin);
    const made = managedConnection([connection]);
    made.manager.start(made.handlers);
    await settle();
    twin.reported = { a: 2 };
    await made.time.advance(7 * 3_600_000);
    expect(made.seen.at(-1)).toBe('reported {"a":2}');

    let acknowledge: () => void = () => undefined;
    connection.reporting = new Promise((resolve) => (acknowledge = resolve));
    const reported = made.sends[0]?.({ a: 3 });
    connection.callers?.onDesiredChange(2);
    twin.desiredVersion = 2;
    await made.time.advance(1_000);
    acknowledge();
    await reported;
    expect(made.seen.slice(-2)).toStrictEqual(['reported {"a":2}', "desired 2 {}"]);
    await made.manager.stop();
  });

  it.each<[string, ConnectionError]>([
    ["throttles", new ConnectionError("throttled", "429")],
    ["has no messages left today", new ConnectionError("quota", "403")],
    ["cannot answer", new ConnectionError("hub-error", "503")],
  ])("keeps the connection when the hub %s, and asks again when it may", async (_what, error) => {
    const connection = new FakeConnection();
    connection.twinErrors = [error, error];
    connection.reportErrors = [error];
    const made = managedConnection([connection]);
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
    const made = managedConnection([first, new FakeConnection()]);
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
    const made = managedConnection([first, new FakeConnection()]);
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

  it("finds a desired change whose notification got lost within hours, at the price of a few readings a day", async () => {
    const twin = { desired: {}, desiredVersion: 1, reported: {} };
    const made = managedConnection([new FakeConnection(twin)]);
    made.manager.start(made.handlers);
    await made.time.advance(14 * 3_600_000);
    expect(made.quota.counts).toMatchObject({ connects: 1, twinReads: 3 });
    Object.assign(twin, { desired: { a: 1 }, desiredVersion: 2 });
    await made.time.advance(2 * 3_600_000);
    expect(made.seen.at(-1)).toBe('desired 2 {"a":1}');
    expect(made.quota.counts.connects).toBe(1);
    await made.manager.stop();
  });
});
