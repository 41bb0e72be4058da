import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { Faults } from "../../../../../service-tools/local-hub/faults/faults.ts";
import { FaultySocket } from "../../../../../service-tools/local-hub/network/faulty-socket.ts";
import { ManualClock } from "../../../../support/manual-clock.ts";
import { silentLog } from "../../../../../service-tools/local-hub/lib/log.ts";

/** The two ends of a connection over loopback. */
async function pair(): Promise<{ client: Socket; accepted: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [[accepted]] = (await Promise.all([once(server, "connection"), once(client, "connect")])) as [
    [Socket],
    unknown,
  ];
  return { client, accepted };
}

it("a connection that is reset while nobody reads it ends, and nothing else does", async () => {
  const { client, accepted } = await pair();
  const clock = new ManualClock();
  const network = {
    faults: new Faults(clock, silentLog),
    clock,
    random: () => 0,
    flawedCertificate: () => Promise.reject(new Error("Nobody asks for one.")),
  };
  const socket = new FaultySocket(accepted, ["mqtt"], network);
  const seen = once(client, "error");
  socket.reset();
  expect(await seen).toMatchObject([{ code: "ECONNRESET" }]);
  expect(socket.closed).toBe(true);
});
