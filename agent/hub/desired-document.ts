import type { JsonObject } from "../contract/json.ts";
import type { DesiredPatch } from "./connection.ts";
import { mergePatch } from "../contract/twin-patch.ts";

/**
 * The desired document as it is kept up to date by the hub's notifications, which may come twice or late, and of which
 * some may be lost: `$version` tells.
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

  /** Merges a change. "known": it was there already. "gap": one before it was missed, so the twin must be read again. */
  applyPatch({ patch, version }: DesiredPatch): "merged" | "known" | "gap" {
    if (version <= this.#version) return "known";
    if (version > this.#version + 1) return "gap";
    this.#content = mergePatch(this.#content, patch);
    this.#version = version;
    return "merged";
  }
}
