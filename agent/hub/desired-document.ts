import type { JsonObject } from "../contract/json.ts";
import type { DesiredPatch } from "./connection.ts";
import { mergePatch } from "../contract/twin-patch.ts";

/**
 * Our copy of the desired document, kept up to date by the hub's patches. Patches may arrive twice or late, and some may be
 * lost: their `$version` shows it.
 */
export class DesiredDocument {
  #content: JsonObject;
  #version: number;

  constructor(content: JsonObject, version: number) {
    this.#content = content;
    this.#version = version;
  }

  get content(): JsonObject {
    return this.#content;
  }

  get version(): number {
    return this.#version;
  }

  /** Merges a patch. "duplicate": it was applied already. "gap": an earlier one was missed, so the twin must be read again. */
  applyPatch({ patch, version }: DesiredPatch): "applied" | "duplicate" | "gap" {
    if (version <= this.#version) return "duplicate";
    if (version > this.#version + 1) return "gap";
    this.#content = mergePatch(this.#content, patch);
    this.#version = version;
    return "applied";
  }
}
