import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Connection, ConnectionClosed, LineTooLong } from "../../../../agent/helper-protocol/connection.ts";
import { maxLineBytes } from "../../../../agent/helper-protocol/protocol.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { listen } from "../../../support/install-helper.ts";

/** A connection, and the socket of whoever is at its other end. */
async function pair(): Promise<{ connection: Connection; other: Socket }> {
  const { promise, resolve } = makePromise<Connection>();
  const other = connect({
    path: await listen({ allowHalfOpen: true }, (socket) => resolve(new Connection(socket))),
    allowHalfOpen: true,
  });
  other.on("error", () => undefined);
  return { connection: await promise, other };
}

function makePromise<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((take) => (resolve = take));
  return { promise, resolve };
}

describe("a connection of lines and bytes", () => {
  const sent = 'one\n{"two":"ä"}\nrawbytes\nthree\n';

  it.each(Array.from({ length: Buffer.byteLength(sent) + 1 }, (_, at) => at))(
    "reads the same where the stream is cut after %i bytes",
    async (at) => {
      const { connection, other } = await pair();
      const bytes = Buffer.from(sent);
      other.write(bytes.subarray(0, at));
      const reading = (async () => [
        await connection.readLine(),
        await connection.readLine(),
        Buffer.from(await connection.readExactly(8)).toString(),
        await connection.readLine(),
        await connection.readLine(),
      ])();
      await settle();
      other.write(bytes.subarray(at));
      expect(await reading).toEqual(["one", '{"two":"ä"}', "rawbytes", "", "three"]);
    },
  );

  it("reads what came before the end, and then says that it is over", async () => {
    const { connection, other } = await pair();
    other.end("one\nhal");
    expect(await connection.readLine()).toBe("one");
    await expect(connection.readLine()).rejects.toBeInstanceOf(ConnectionClosed);
    expect(Buffer.from(await connection.readSome(9)).toString()).toBe("hal");
    await expect(connection.readSome(9)).rejects.toBeInstanceOf(ConnectionClosed);
    expect(connection.gone.aborted).toBe(true);
  });

  it("refuses a line that is longer than lines may be, whether or not it ends", async () => {
    for (const end of ["", "\n"]) {
      const { connection, other } = await pair();
      other.write(`${"x".repeat(maxLineBytes + 1)}${end}`);
      await expect(connection.readLine()).rejects.toBeInstanceOf(LineTooLong);
    }
    const { connection, other } = await pair();
    other.write(`${"x".repeat(maxLineBytes)}\n`);
    expect(await connection.readLine()).toHaveLength(maxLineBytes);
  });

  it("makes a sender wait that nobody reads, and takes all of it in the end", async () => {
    const { connection, other } = await pair();
    const all = Buffer.alloc(5_000_000, "abcdefgh");
    other.end(all);
    await connection.readSome(1);
    await settle();
    expect(other.writableLength).toBeGreaterThan(0);
    let count = 1;
    while (count < all.length) count += (await connection.readSome(100_000)).length;
    expect(count).toBe(all.length);
  });

  it("cuts off whoever sends without end while it has nothing to say", async () => {
    const { connection, other } = await pair();
    const flood = setInterval(() => other.write(Buffer.alloc(100_000)), 1);
    const work = connection.whileListening(
      () => new Promise((_, reject) => connection.gone.addEventListener("abort", () => reject(connection.gone.reason))),
    );
    await expect(work).rejects.toThrow("more than was asked for");
    clearInterval(flood);
  });

  it("notices at once that the other side has gone while it works", async () => {
    const { connection, other } = await pair();
    const work = connection.whileListening(
      () => new Promise((_, reject) => connection.gone.addEventListener("abort", () => reject(connection.gone.reason))),
    );
    other.end();
    await expect(work).rejects.toBeInstanceOf(ConnectionClosed);
  });

  it("ends when its last words were read, and cuts off whoever does not end", async () => {
    const time = new FakeTime();
    const { connection, other } = await pair();
    other.write(Buffer.alloc(300_000));
    connection.write("bye\n");
    const ending = connection.end(time, 30_000);
    const received = await once(other, "data");
    expect(String(received[0])).toBe("bye\n");
    while (time.sleepers === 0) await settle();
    await time.advance(30_000);
    await ending;
    await expect(connection.readLine()).rejects.toBeInstanceOf(ConnectionClosed);
  });
});
