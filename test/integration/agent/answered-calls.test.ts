import tls, { type TLSSocket } from "node:tls";
import { expect, it, vi } from "vitest";
import { connectBoard, publish, scriptedHub } from "../../support/scripted-hub.ts";

it("a call is told as answered once its reply is the kernel's: the caller does not wait for the log", async () => {
  const connects = vi.spyOn(tls, "connect");
  const hub = await scriptedHub({ withConnack: [publish("$iothub/methods/POST/getStatus/?$rid=1", "{}")] });
  const connection = await connectBoard(hub);
  const [made] = connects.mock.results;
  connects.mockRestore();
  const socket = made?.value as TLSSocket;

  let subscribed: Promise<void> | undefined;
  const written = await new Promise<[beforeBytes: number, bytes: number, waitingBytes: number]>((resolve) => {
    let beforeBytes = 0;
    subscribed = connection.subscribe({
      onMethod: () => {
        beforeBytes = socket.bytesWritten;
        return Promise.resolve({ status: 200, payload: { Response: "x".repeat(10_000) } });
      },
      onMethodAnswered: () => resolve([beforeBytes, socket.bytesWritten, socket.writableLength]),
      onDesiredChange: () => undefined,
    });
  });
  await subscribed;
  expect(written[1] - written[0]).toBeGreaterThan(10_000);
  expect(written[2]).toBe(0);
});
