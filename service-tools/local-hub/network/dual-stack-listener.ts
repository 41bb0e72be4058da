import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";

/** A TCP port of this machine, on 127.0.0.1 and, if the machine has IPv6, on ::1. */
export interface DualStackListener {
  readonly port: number;
  /** Refuses new connections; open ones stay. The port remains reserved: no other program can take it. */
  pause(): void;
  /** Resolves when connections are accepted again. */
  resume(): Promise<void>;
  /** Stops listening and releases the port. */
  close(): Promise<void>;
}

/** A port that cannot be opened, with the remedy. */
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
 * Listens on both addresses, since `localhost` means either and not every client tries both. Port 0 takes a free one.
 * `what` names the server in errors.
 */
export async function listenDualStack(
  port: number,
  what: string,
  onConnection: (socket: Socket) => void,
): Promise<DualStackListener> {
  const listeners = [new AddressListener("127.0.0.1", onConnection), new AddressListener("::1", onConnection)] as const;
  const taken = await listenOnBoth(listeners, port, what);
  const open = listeners.filter((listener) => listener.isOpen);
  return {
    port: taken,
    pause: () => {
      for (const listener of open) listener.pause(taken);
    },
    resume: async () => {
      for (const listener of open) {
        const failed = await listener.open(taken);
        if (failed !== undefined) throw new PortUnavailable(what, taken, failed);
      }
    },
    close: async () => {
      await Promise.all(open.map(async (listener) => listener.close()));
    },
  };
}

/** Listens on one address. */
class AddressListener {
  readonly #host: string;
  readonly #server: Server;
  /**
   * Reserves the port while nobody listens on it: a connection of the port to itself (RFC 9293, 3.5, simultaneous open).
   * The kernel gives such a port to no other program, and lets us listen on it again (SO_REUSEADDR, which Node always sets).
   */
  #portHolder: Socket | undefined;
  #opening: Promise<NodeJS.ErrnoException | undefined> | undefined;

  constructor(host: string, onConnection: (socket: Socket) => void) {
    this.#host = host;
    // A client that has ended its side may still be reading: whoever takes the connection decides.
    this.#server = createServer({ allowHalfOpen: true }, onConnection);
  }

  get isOpen(): boolean {
    return this.#server.listening;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string")
      throw new Error("The server has no port: it is not listening.");
    return address.port;
  }

  /** Returns undefined when it listens, else the error. */
  async open(port: number): Promise<NodeJS.ErrnoException | undefined> {
    if (this.isOpen) return undefined;
    this.#opening ??= this.#listen(port).finally(() => {
      this.#opening = undefined;
      this.#releasePort();
    });
    return this.#opening;
  }

  pause(port: number): void {
    if (!this.isOpen) return;
    this.#server.close();
    const holder = connect({ port, host: this.#host, localPort: port, localAddress: this.#host });
    // Without it another program can take the port; `resume` then reports that.
    holder.on("error", () => holder.destroy());
    this.#portHolder = holder;
  }

  async close(): Promise<void> {
    this.#releasePort();
    if (!this.isOpen) return;
    // The callback of close() would also wait for open connections, which belong to others.
    await new Promise<void>((resolve) => {
      this.#server.close();
      setImmediate(resolve);
    });
  }

  async #listen(port: number): Promise<NodeJS.ErrnoException | undefined> {
    return new Promise((resolve) => {
      const failed = (error: NodeJS.ErrnoException): void => resolve(error);
      this.#server.once("error", failed);
      this.#server.listen({ port, host: this.#host }, () => {
        this.#server.off("error", failed);
        resolve(undefined);
      });
    });
  }

  #releasePort(): void {
    this.#portHolder?.destroy();
    this.#portHolder = undefined;
  }
}

/** Returns the port. ::1 may be missing on this machine; it may not belong to another program. */
async function listenOnBoth(
  [ipv4, ipv6]: readonly [AddressListener, AddressListener],
  port: number,
  what: string,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const failed = await ipv4.open(port);
    if (failed !== undefined) throw new PortUnavailable(what, port, failed);
    const taken = ipv4.port;
    const failedToo = await ipv6.open(taken);
    if (failedToo?.code !== "EADDRINUSE") return taken;
    // Another program has the port on ::1: clients might reach that one.
    await ipv4.close();
    if (port !== 0 || attempt === FREE_PORT_ATTEMPTS) throw new PortUnavailable(what, taken, failedToo);
  }
}
