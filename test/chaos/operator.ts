import { setTimeout as pause } from "node:timers/promises";
import { isJsonObject } from "../../agent/contract/json.ts";
import type { Json, JsonObject } from "../../agent/contract/json.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { at } from "../support/paths.ts";
import { callHub } from "../support/raw-https.ts";
import type { RawAnswer } from "../support/raw-https.ts";

const api = "api-version=2021-04-12";
const callMs = 12_000;
const ends = new Set(["completed", "failed", "rolledBack", "cancelled", "proven"]);

/** What an operator wants of a board, under a name that makes it safe to ask again. */
export interface Operation {
  readonly operationId: string;
  readonly kind: "reboot" | "update";
  readonly method: string;
  readonly payload: JsonObject;
}

/**
 * Somebody who drives one board through a hub that has faults: asks again until there is an answer, waits for the end,
 * and remembers each end to see that it stays.
 */
export class Operator {
  readonly #hub: LocalHub;
  readonly #deviceId: string;
  /** The one end of each operation that was granted. */
  readonly outcomes = new Map<string, string>();
  readonly violations: string[] = [];

  constructor(hub: LocalHub, deviceId: string) {
    this.#hub = hub;
    this.#deviceId = deviceId;
  }

  /** Asks until the board answers. Answers its status; 0 when it was given up. */
  async ask({ method, payload }: Operation, giveUp: () => boolean): Promise<number> {
    while (!giveUp()) {
      const reply = await this.method(method, payload);
      if (reply !== undefined) return Number(reply["status"]);
      await pause(200);
    }
    return 0;
  }

  /** Waits until the twin reports an operation's end, and notes it. */
  async follow({ operationId, kind }: Operation, giveUp: () => boolean): Promise<string | undefined> {
    while (!giveUp()) {
      const reported = await this.reported();
      const section = at(reported, `boardkeeper.${kind}`);
      if (isJsonObject(section) && section["operationId"] === operationId) {
        const phase = textOf(section["phase"]);
        if (ends.has(phase)) {
          this.outcomes.set(operationId, phase);
          return phase;
        }
      }
      // A board that lost its power after its reboot reports that one, which nobody asked for.
      if (
        kind === "reboot" &&
        isJsonObject(section) &&
        section["operationId"] === undefined &&
        section["phase"] === "proven"
      ) {
        this.outcomes.set(operationId, "proven");
        return "proven";
      }
      this.#detectChanges(reported);
      await pause(200);
    }
    return undefined;
  }

  /** The board's answer to a method; undefined when there was none. */
  async method(methodName: string, payload: JsonObject | null): Promise<JsonObject | undefined> {
    const body = JSON.stringify({ methodName, payload, responseTimeoutInSeconds: 5, connectTimeoutInSeconds: 5 });
    const answer = await this.#rest("POST", `/twins/${this.#deviceId}/methods`, body);
    if (answer?.status !== 200) return undefined;
    const reply: unknown = JSON.parse(answer.body);
    return isJsonObject(reply) ? reply : undefined;
  }

  async reported(): Promise<JsonObject | undefined> {
    const answer = await this.#rest("GET", `/twins/${this.#deviceId}`);
    const found = answer?.status === 200 ? at(JSON.parse(answer.body), "properties.reported") : undefined;
    return isJsonObject(found) ? found : undefined;
  }

  async desire(desired: JsonObject): Promise<void> {
    await this.#rest("PATCH", `/twins/${this.#deviceId}`, JSON.stringify({ properties: { desired } }));
  }

  /** An end that was reported must stay until the next operation is granted. */
  #detectChanges(reported: JsonObject | undefined): void {
    const operationId = at(reported, "boardkeeper.update.operationId");
    const phase = at(reported, "boardkeeper.update.phase");
    if (typeof operationId !== "string" || typeof phase !== "string") return;
    const before = this.outcomes.get(operationId);
    if (before !== undefined && before !== phase) this.violations.push(`${operationId}: ${before}, then ${phase}`);
  }

  async #rest(method: string, path: string, body?: string): Promise<RawAnswer | undefined> {
    const asked = { method, path: `${path}?${api}`, headers: { "if-match": "*" } };
    const call = callHub(this.#hub, body === undefined ? asked : { ...asked, body }).catch(() => undefined);
    return await Promise.race([call, pause(callMs, undefined)]);
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
