import type { JsonObject } from "../../agent/contract/json.ts";
import type { HubCallbacks, Connection, TwinDocuments } from "../../agent/hub/connection.ts";
import type { ConnectionError } from "../../agent/hub/connection-error.ts";

/** A connection that ends when the test says so; its reports and readings of the twin fail as the test lists. */
export class FakeConnection implements Connection {
  readonly lost: Promise<Error>;
  lose: (why: Error) => void = () => undefined;
  callers: HubCallbacks | undefined;
  closed = false;
  /** What the next reports end with. */
  reportErrors: ConnectionError[] = [];
  /** What the next readings of the twin end with. */
  twinErrors: ConnectionError[] = [];
  /** Reports are acknowledged after this. */
  reporting: Promise<void> = Promise.resolve();
  /** Called in the middle of each reading of the twin: what changes then is not in what was read. */
  whileReading: () => void = () => undefined;
  readonly #twin: TwinDocuments | Promise<TwinDocuments>;

  constructor(twin: TwinDocuments | Promise<TwinDocuments> = { desired: {}, desiredVersion: 1, reported: {} }) {
    this.#twin = twin;
    this.lost = new Promise((resolve) => (this.lose = resolve));
  }

  subscribe(callers: HubCallbacks): Promise<void> {
    this.callers = callers;
    return Promise.resolve();
  }

  async readTwin(): Promise<TwinDocuments> {
    const error = this.twinErrors.shift();
    if (error !== undefined) throw error;
    const read = { ...(await this.#twin) };
    this.whileReading();
    return read;
  }

  sendTelemetry(): Promise<void> {
    return Promise.resolve();
  }

  updateReported(_patch: JsonObject): Promise<void> {
    const error = this.reportErrors.shift();
    return error === undefined ? this.reporting : Promise.reject(error);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
