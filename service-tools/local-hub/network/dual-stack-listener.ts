import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";

/** A port of this machine alone, on 127.0.0.1 and, where the machine has it, on ::1. */
export interface DualStackListener {
  readonly port: number;
  /** From now on whoever comes is refused; those who are in stay. The port stays ours: no other program is given it meanwhile. */
  pause(): void;
  /** Resolves when they are let in again. */
  resume(): Promise<void>;
  /** Gives the port up. */
  close(): Promise<void>;
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

/** Opens a door; port 0 takes a free one. `localhost` means either address, and not every client tries both. */
export async function listenDualStack(
  port: number,
  what: string,
  welcome: (socket: Socket) => void,
): Promise<DualStackListener> {
  const leaves = [new AddressListener("127.0.0.1", welcome), new AddressListener("::1", welcome)] as const;
  const taken = await listenOnBoth(leaves, port, what);
  const open = leaves.filter((leaf) => leaf.isOpen);
  return {
    port: taken,
    pause: () => {
      for (const leaf of open) leaf.pause(taken);
    },
    resume: async () => {
      for (const leaf of open) {
        const failed = await leaf.open(taken);
        if (failed !== undefined) throw new PortUnavailable(what, taken, failed);
      }
    },
    close: async () => {
      await Promise.all(open.map(async (leaf) => leaf.close()));
    },
  };
}

/** The half of a door that is on one address. */
class AddressListener {
  readonly #host: string;
  readonly #server: Server;
  /**
   * Keeps the port while nobody listens on it: a connection of the port to itself (RFC 9293, 3.5, simultaneous open). The
   * system gives a port that has one to nobody else, and lets us listen there again (SO_REUSEADDR, which Node always sets).
   */
  #portHolder: Socket | undefined;
  #opening: Promise<NodeJS.ErrnoException | undefined> | undefined;

  constructor(host: string, welcome: (socket: Socket) => void) {
    this.#host = host;
    // A client that has said all it has to say may still be listening: whoever takes the connection decides.
    this.#server = createServer({ allowHalfOpen: true }, welcome);
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

  /** Answers why it cannot be opened, or undefined when it is open. */
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
    const keeper = connect({ port, host: this.#host, localPort: port, localAddress: this.#host });
    // Without a keeper the port is ours for as long as nobody else asks for it; if somebody does, `reopen` says so.
    keeper.on("error", () => keeper.destroy());
    this.#portHolder = keeper;
  }

  async close(): Promise<void> {
    this.#releasePort();
    if (!this.isOpen) return;
    // The callback would wait for connections too, which are not the door's.
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
    // Somebody else has the port on ::1 alone: a client would reach them.
    await ipv4.close();
    if (port !== 0 || attempt === FREE_PORT_ATTEMPTS) throw new PortUnavailable(what, taken, failedToo);
  }
}
