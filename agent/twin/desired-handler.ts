import { sectionProblems } from "../contract/desired-sections.ts";
import type { JsonObject } from "../contract/json.ts";
import type { Alerts } from "../lib/alerts.ts";
import type { Runtime } from "../lib/runtime.ts";

/** Handles one section of the desired document. Resolves when its result is saved, or a later document replaces it. */
interface SectionHandler {
  handleDesired(document: JsonObject, version: number): Promise<void>;
}

export interface DesiredHandlerPorts extends Pick<Runtime, "log"> {
  /** Whether the saved state is recovered after the start: nothing may be decided on it before. */
  readonly isRecovered: () => boolean;
  readonly remoteConfig: SectionHandler;
  readonly firmware: SectionHandler;
  readonly alerts: Alerts;
}

/** Where desired documents arrive. Configuration goes first: an update may ask for a window that came with it. */
export class DesiredHandler {
  readonly #ports: DesiredHandlerPorts;
  #latest: { readonly document: JsonObject; readonly version: number } | undefined;
  #handledVersion: number | null = null;

  constructor(ports: DesiredHandlerPorts) {
    this.#ports = ports;
  }

  /** The version of the desired properties that was handled last since the agent's start; null before the first. */
  get handledVersion(): number | null {
    return this.#handledVersion;
  }

  /** Takes the whole desired document, as often as it comes. One that comes before the recovery waits for `resume`. */
  async handleDesired(document: JsonObject, version: number): Promise<void> {
    this.#latest = { document, version };
    const { isRecovered, remoteConfig, firmware } = this.#ports;
    if (!isRecovered()) return;
    this.#tellMisnamed(document);
    await remoteConfig.handleDesired(document, version);
    // While the windows were checked, another document may have come.
    if (this.#latest.document !== document) return;
    await firmware.handleDesired(document, version);
    if (this.#latest.document === document) this.#handledVersion = version;
  }

  /** Handles what has come before the state was recovered. */
  async resume(): Promise<void> {
    if (this.#latest !== undefined) await this.handleDesired(this.#latest.document, this.#latest.version);
  }

  /** A section that is misnamed beside the right one: its own handler would not see it. */
  #tellMisnamed(document: JsonObject): void {
    const { alerts, log } = this.#ports;
    const [problem] = sectionProblems(document);
    if (problem === undefined) alerts.clear("desired");
    else if (alerts.raise("desired", `The desired properties have a section that does not count: ${problem}.`))
      log.warn({ problem }, "desired section not known");
  }
}
