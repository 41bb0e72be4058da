import type { JsonObject } from "../contract/json.ts";

/** Handles one section of the desired document. Resolves when its result is saved, or a later document replaces it. */
interface SectionHandler {
  handleDesired(document: JsonObject, version: number): Promise<void>;
}

export interface DesiredHandlerPorts {
  /** Whether the saved state is recovered after the start: nothing may be decided on it before. */
  readonly isRecovered: () => boolean;
  readonly remoteConfig: SectionHandler;
  readonly firmware: SectionHandler;
}

/** Where desired documents arrive. Configuration goes first: an update may ask for a window that came with it. */
export class DesiredHandler {
  readonly #ports: DesiredHandlerPorts;
  #latest: { readonly document: JsonObject; readonly version: number } | undefined;

  constructor(ports: DesiredHandlerPorts) {
    this.#ports = ports;
  }

  /** Takes the whole desired document, as often as it comes. One that comes before the recovery waits for `resume`. */
  async handleDesired(document: JsonObject, version: number): Promise<void> {
    this.#latest = { document, version };
    const { isRecovered, remoteConfig, firmware } = this.#ports;
    if (!isRecovered()) return;
    await remoteConfig.handleDesired(document, version);
    // While the windows were checked, another document may have come.
    if (this.#latest.document === document) await firmware.handleDesired(document, version);
  }

  /** Handles what has come before the state was recovered. */
  async resume(): Promise<void> {
    if (this.#latest !== undefined) await this.handleDesired(this.#latest.document, this.#latest.version);
  }
}
