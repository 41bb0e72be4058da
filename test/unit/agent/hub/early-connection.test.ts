import { describe, expect, it } from "vitest";
import type { Connection } from "../../../../agent/hub/connection.ts";
import { EarlyConnection } from "../../../../agent/hub/early-connection.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

/** Opens connections when the test says so; rejects when the signal aborts, as the real one does. */
function opening(): {
  readonly opened: { readonly signal: AbortSignal; readonly resolve: (connection: Connection) => void }[];
  readonly early: EarlyConnection;
} {
  const opened: { readonly signal: AbortSignal; readonly resolve: (connection: Connection) => void }[] = [];
  const early = new EarlyConnection(
    (signal) =>
      new Promise((resolve, reject) => {
        opened.push({ signal, resolve });
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      }),
  );
  return { opened, early };
}

const neverAborts = new AbortController().signal;

describe("an early connection", () => {
  it("is opened before anybody asks, and taken by the first who does", async () => {
    const { opened, early } = opening();
    expect(opened).toHaveLength(1);
    const first = new FakeConnection();
    opened[0]?.resolve(first);
    expect(await early.connect(neverAborts)).toBe(first);
    expect(opened).toHaveLength(1);
  });

  it("is taken once: later connections are opened when they are asked for", async () => {
    const { opened, early } = opening();
    opened[0]?.resolve(new FakeConnection());
    await early.connect(neverAborts);
    const second = new FakeConnection();
    const taken = early.connect(neverAborts);
    expect(opened).toHaveLength(2);
    opened[1]?.resolve(second);
    expect(await taken).toBe(second);
  });

  it("is replaced by another where it was lost before anybody took it", async () => {
    const connections = [new FakeConnection(), new FakeConnection()] as const;
    let opened = 0;
    const early = new EarlyConnection(() => Promise.resolve(connections[opened++ === 0 ? 0 : 1]));
    connections[0].lose(new Error("ECONNRESET"));
    expect(await early.connect(neverAborts)).toBe(connections[1]);
    expect(connections[0].closed).toBe(true);
  });

  it("passes on why it could not be opened, then opens another", async () => {
    let attempts = 0;
    const early = new EarlyConnection(() => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve(new FakeConnection());
    });
    await expect(early.connect(neverAborts)).rejects.toThrow("ENOTFOUND");
    await early.connect(neverAborts);
    expect(attempts).toBe(2);
  });

  it.each(["before", "after"])("is given up when its taker's signal aborts %s it is taken", async (when) => {
    const { early } = opening();
    const stop = new AbortController();
    if (when === "before") stop.abort();
    const taken = early.connect(stop.signal);
    if (when === "after") stop.abort();
    await expect(taken).rejects.toThrow("aborted");
  });

  it("is closed when it is discarded, unless somebody has taken it", async () => {
    const [untaken, taken] = [opening(), opening()];
    const connections = [new FakeConnection(), new FakeConnection()] as const;
    untaken.opened[0]?.resolve(connections[0]);
    taken.opened[0]?.resolve(connections[1]);
    await taken.early.connect(neverAborts);
    await Promise.all([untaken.early.discard(), taken.early.discard()]);
    expect(connections.map(({ closed }) => closed)).toStrictEqual([true, false]);
  });

  it("that is still being opened is given up when it is discarded", async () => {
    const { opened, early } = opening();
    await early.discard();
    expect(opened[0]?.signal.aborted).toBe(true);
  });
});
