import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

/** A server that listens on this machine alone. */
export interface Listening {
  readonly port: number;
  /** Stops listening and cuts every connection. */
  readonly close: () => Promise<void>;
}

/** A port that cannot be had, with what to do about it. */
class PortUnavailable extends Error {
  constructor(what: string, port: number, cause: NodeJS.ErrnoException) {
    const remedy =
      cause.code === "EACCES"
        ? `this user may not open ports below 1024. Use the free ports (leave --standard-ports out), or allow it with ` +
          `"sudo sysctl net.ipv4.ip_unprivileged_port_start=443"`
        : `another program uses it. Find it with: ss -ltnp 'sport = :${port}'. Stop it, or let the hub take free ports: ` +
          `leave --standard-ports out, and if the port is one that the hub kept, remove ports.json from its folder.`;
    super(`The local hub cannot open port ${port} for ${what}: ${remedy}`, { cause });
    this.name = "PortUnavailable";
  }
}

const FREE_PORT_ATTEMPTS = 20;

/**
 * Listens on 127.0.0.1 and, where the machine has it, on ::1, on the same port; 0 takes a free one. `localhost` means either, and
 * not every client tries both.
 */
export async function listenOnLoopback(server: Server, port: number, what: string): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const alsoOnIpv6 = createServer((socket) => server.emit("connection", socket));
  const taken = await listenOnBoth(server, alsoOnIpv6, port, what);
  return {
    port: taken,
    close: async () => {
      const closed = Promise.all([closeServer(server), closeServer(alsoOnIpv6)]);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listenOnBoth(server: Server, alsoOnIpv6: Server, port: number, what: string): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const failed = await listen(server, port, "127.0.0.1");
    if (failed !== undefined) throw new PortUnavailable(what, port, failed);
    const taken = portOf(server);
    const failedToo = await listen(alsoOnIpv6, taken, "::1");
    if (failedToo?.code !== "EADDRINUSE") return taken;
    // Somebody else has the port on ::1 alone: a client would reach them.
    await closeServer(server);
    if (port !== 0 || attempt === FREE_PORT_ATTEMPTS) throw new PortUnavailable(what, taken, failedToo);
  }
}

async function listen(server: Server, port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void => resolve(error);
    server.once("error", failed);
    server.listen({ port, host }, () => {
      server.off("error", failed);
      resolve(undefined);
    });
  });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port: it is not listening.");
  return address.port;
}
