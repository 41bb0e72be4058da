import { createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { systemTimer } from "../../../agent/board/hardware/clocks.ts";
import { parseHubAddress } from "../../../agent/hub/address.ts";
import { connectToAzure } from "../../../agent/hub/azure-connection.ts";
import {
  createCertificateAuthority,
  issueServerCertificate,
} from "../../../service-tools/local-hub/tls/certificates.ts";
import { quiet } from "../../support/logs.ts";

/** A PUBLISH packet of QoS 0. // [MQTT-3.3] */
function publish(topic: string, payload: string): Buffer {
  const name = Buffer.from(topic);
  const rest = Buffer.concat([Buffer.from([name.length >> 8, name.length & 0xff]), name, Buffer.from(payload)]);
  return Buffer.concat([Buffer.from([0x30, rest.length]), rest]);
}

const connack = Buffer.from([0x20, 2, 1, 0]);
const call = (name: string, id: string): Buffer => publish(`$iothub/methods/POST/${name}/?$rid=${id}`, "{}");

/**
 * A hub that kept the device's session, and sends these packets in one piece with CONNACK.
 * @returns its address, its authority, and what devices have sent, as text
 */
async function eagerHub(packets: readonly Buffer[]): Promise<{ port: number; ca: string; received: () => string }> {
  const now = Date.now();
  const authority = await createCertificateAuthority(now);
  const { certificate, privateKey } = await issueServerCertificate(authority, ["localhost"], ["127.0.0.1"], now);
  let received = "";
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: certificate, key: privateKey }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined); // The board ends it when the test is over.
    socket.on("data", (data: Buffer) => {
      received += data.toString("latin1");
      if (data[0] === 0x10) socket.write(Buffer.concat([connack, ...packets]));
      if (data[0] === 0x82) socket.write(Buffer.from([0x90, 3, data[2] ?? 0, data[3] ?? 0, 0]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, ca: authority.certificate, received: () => received };
}

it.each([
  ["one call", ["getStatus"]],
  ["two calls", ["getStatus", "rebootDevice"]],
  ["a call of a method that nobody knows", ["makeCoffee"]],
])("%s that arrives together with CONNACK is answered", async (_what, names) => {
  const { port, ca, received } = await eagerHub(names.map((name, index) => call(name, `${index + 1}`)));
  const key = Buffer.from("key").toString("base64");
  const text = `HostName=localhost:${port};DeviceId=board-1;SharedAccessKey=${key}`;
  const address = parseHubAddress(text, { webSocket: false });
  if (!address.ok) throw new Error(address.problems.join());
  const { signal } = new AbortController();
  const options = { address: address.value, ca, productInfo: "test", timer: systemTimer, log: quiet };
  const connection = await connectToAzure(options, signal);
  onTestFinished(() => connection.close());
  const called: string[] = [];
  await connection.subscribe({
    onMethod: (name) => {
      called.push(name);
      return Promise.resolve({ status: 200, payload: { Response: "done" } });
    },
    onMethodAnswered: () => undefined,
    onDesiredChange: () => undefined,
  });
  for (const [index] of names.entries())
    await expect.poll(received).toContain(`$iothub/methods/res/200/?$rid=${index + 1}`);
  expect(called).toStrictEqual(names);
});
