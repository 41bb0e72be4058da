import type { Connect, Connection } from "./connection.ts";

/**
 * Opens the first connection at once, while the agent still reads its saved state: the handshakes with a distant hub take longer
 * than that. Nothing is subscribed or reported before the connection is taken.
 */
export class EarlyConnection {
  readonly #open: Connect;
  readonly #stopping = new AbortController();
  #first: Promise<Connection> | undefined;

  /** @param open opens a connection; called once now, and again for each connection after the first */
  constructor(open: Connect) {
    this.#open = open;
    this.#first = open(this.#stopping.signal);
    this.#first.catch(() => undefined); // Whoever takes it gets the error.
  }

  /** The first caller takes the connection that is being opened, or its error; later ones open their own. */
  readonly connect: Connect = async (signal) => {
    const first = this.#first;
    if (first === undefined) return await this.#open(signal);
    this.#first = undefined;
    if (signal.aborted) this.#stopping.abort();
    signal.addEventListener("abort", () => this.#stopping.abort(), { once: true });
    const connection = await first;
    if ((await Promise.race([connection.lost, Promise.resolve(undefined)])) === undefined) return connection;
    // Lost while nobody used it, as behind a slow disk: that says nothing about how long connections last here.
    await connection.close();
    return await this.#open(signal);
  };

  /** Closes the connection if nobody has taken it. Never rejects. */
  async discard(): Promise<void> {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    this.#stopping.abort();
    await first.then(
      (connection) => connection.close(),
      () => undefined, // Nothing is open.
    );
  }
}
