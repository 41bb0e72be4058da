import type { AddressInfo, Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { systemTimer } from "../../agent/board/hardware/clocks.ts";
import { parseHubAddress } from "../../agent/hub/address.ts";
import { connectToAzure, type AzureConnectionOptions } from "../../agent/hub/azure-connection.ts";
import type { Connection } from "../../agent/hub/connection.ts";
import { createCertificateAuthority, issueServerCertificate } from "../../service-tools/local-hub/tls/certificates.ts";
import { quiet } from "./logs.ts";

/** A PUBLISH packet of QoS 0 with less than 16 KiB. // [MQTT-3.3] */
export function publish(topic: string, payload: string): Buffer {
  const name = Buffer.from(topic);
  const rest = Buffer.concat([Buffer.from([name.length >> 8, name.length & 0xff]), name, Buffer.from(payload)]);
  const length = rest.length < 128 ? [rest.length] : [(rest.length & 127) | 128, rest.length >> 7];
  return Buffer.concat([Buffer.from([0x30, ...length]), rest]);
}

interface Script {
  /** Sent in one piece with CONNACK. */
  readonly withConnack?: readonly Buffer[];
  /** Called after each piece with all that the board has sent, as text; what it returns is sent in one piece, or ends the connection. */
  readonly answer?: (received: string) => readonly Buffer[] | "close" | "reset";
}

/** A hub of one board that decides which packets arrive in one piece; it grants each connection and each subscription. */
export async function scriptedHub(script: Script): Promise<{ port: number; ca: string; received: () => string }> {
  const now = Date.now();
  const authority = await createCertificateAuthority(now);
  const { certificate, privateKey } = await issueServerCertificate(authority, ["localhost"], ["127.0.0.1"], now);
  let received = "";
  let tcpSocket: Socket | undefined;
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: certificate, key: privateKey }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined); // The board ends it when the test is over.
    socket.on("data", (data: Buffer) => {
      received += data.toString("latin1");
      const answer = script.answer?.(received) ?? [];
      if (answer === "close") return void socket.destroy();
      if (answer === "reset") return void tcpSocket?.resetAndDestroy();
      const packets: Buffer[] = [];
      if (data[0] === 0x10) packets.push(Buffer.from([0x20, 2, 1, 0]), ...(script.withConnack ?? []));
      if (data[0] === 0x82) packets.push(Buffer.from([0x90, 3, data[2] ?? 0, data[3] ?? 0, 0]));
      packets.push(...answer);
      if (packets.length > 0) socket.write(Buffer.concat(packets));
    });
  });
  server.prependListener("connection", (socket: Socket) => (tcpSocket = socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, ca: authority.certificate, received: () => received };
}

/** A board's open connection to such a hub. */
export async function connectBoard(
  { port, ca }: { readonly port: number; readonly ca: string },
  options: Partial<AzureConnectionOptions> = {},
): Promise<Connection> {
  const key = Buffer.from("key").toString("base64");
  const text = `HostName=localhost:${port};DeviceId=board-1;SharedAccessKey=${key}`;
  const address = parseHubAddress(text, { webSocket: false });
  if (!address.ok) throw new Error(address.problems.join());
  const fixed = { address: address.value, ca, productInfo: "test", timer: systemTimer, log: quiet };
  const connection = await connectToAzure({ ...fixed, ...options }, new AbortController().signal);
  onTestFinished(() => connection.close());
  return connection;
}
