import type { JsonObject } from "../contract/json.ts";
import type { StateStore } from "../state/ports.ts";
import type { Settings } from "./settings.ts";
import { overlaySettings, type RemoteConfigSlice } from "./remote-config-decisions.ts";

/** The settings in force: the board's own, overridden by those that the hub has set. */
export class EffectiveSettings {
  readonly base: Settings;
  #settings: Settings;
  #applied: JsonObject | null;
  readonly #listeners: ((settings: Settings) => void)[] = [];

  /** @param onMistake called for each saved setting that this release cannot read: another release has applied it */
  constructor(
    store: Pick<StateStore<RemoteConfigSlice>, "state" | "onChange">,
    base: Settings,
    onMistake: (problem: string) => void,
  ) {
    this.base = base;
    this.#applied = appliedIn(store.state);
    this.#settings = base;
    if (this.#applied !== null) {
      const { settings, problems } = overlaySettings(base, this.#applied);
      if (problems.length === 0) this.#settings = settings;
      for (const problem of problems) onMistake(problem);
    }
    store.onChange((saved) => this.#update(appliedIn(saved)));
  }

  get current(): Settings {
    return this.#settings;
  }

  /** Calls the listener at once, and after each change. */
  subscribe(listener: (settings: Settings) => void): void {
    this.#listeners.push(listener);
    listener(this.#settings);
  }

  #update(applied: JsonObject | null): void {
    if (applied === this.#applied) return;
    this.#applied = applied;
    this.#settings = applied === null ? this.base : overlaySettings(this.base, applied).settings;
    for (const listener of this.#listeners) listener(this.#settings);
  }
}

function appliedIn({ remote }: RemoteConfigSlice): JsonObject | null {
  return remote?.applied ?? null;
}
