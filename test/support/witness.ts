import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { readBoard } from "../../agent/board/simulated-board.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/methods.ts";
import { at } from "./paths.ts";
import type { BoardProcess } from "./processes.ts";
import type { ServiceView } from "./twins.ts";

/** Somebody who asks a board and its hub, and believes only what both and the boot loader say. */
export class Witness {
  readonly #board: BoardProcess;
  readonly service: ServiceView;

  constructor(board: BoardProcess, service: ServiceView) {
    this.#board = board;
    this.service = service;
  }

  /** Asks until somebody answers, as operators do: an agent that is killed answers nobody. */
  async ask(method: string, payload?: unknown): Promise<MethodReply> {
    for (;;) {
      try {
        return await this.service.call(method, payload);
      } catch (cause) {
        if (!(cause instanceof Error && /not found|timed out/i.test(cause.message))) throw cause;
      }
    }
  }

  /** The reported properties as soon as an operation has its one end there. */
  async end(operationId: string): Promise<JsonObject> {
    return await this.service.until("boardkeeper.update", (update) => {
      return isJsonObject(update) && update["operationId"] === operationId && update["endedAt"] !== undefined;
    });
  }

  /** Completed; the board runs it and will boot it; asked for again it does nothing; and the twin says all that. */
  async isDone(version: string, operationId: string): Promise<void> {
    const { status, payload } = await this.#again(version, operationId);
    deepEqual([status, payload["operationId"], payload["repeated"]], [200, operationId, true]);
    deepEqual(await this.boots(), [version, true]);
    const { state, twin } = await this.#agreement();
    deepEqual([at(state, "update.operationId"), at(state, "update.phase")], [operationId, "completed"]);
    deepEqual(at(twin, "firmware.currentFwVersion"), version);
  }

  /** The version that runs, and whether it is what the boot loader boots by default. */
  async boots(): Promise<[string | null | undefined, boolean]> {
    const board = await readBoard(join(this.#board.folder, "state", "board", "board.json"));
    return [board?.slots[board.running], board?.default === board?.running];
  }

  /** What the board says of itself, as soon as its twin says the same. */
  async #agreement(): Promise<{ state: JsonObject; twin: JsonObject }> {
    for (;;) {
      const { Response: _said, link: _link, ...state } = (await this.ask("getStatus")).payload;
      const twin = (await this.service.twin()).properties.reported;
      const told = canonicalJson(withoutNulls(twin["boardkeeper"]));
      if (told === canonicalJson(withoutNulls(state))) return { state, twin };
    }
  }

  async #again(fwVersion: string, operationId: string): Promise<MethodReply> {
    const fwPackageCheckValue = "0".repeat(64); // Nothing of it is looked at: the operation is known.
    const fwPackageUri = "https://images.example/";
    return await this.ask("firmwareUpdate", { fwPackageUri, fwPackageCheckValue, fwVersion, operationId });
  }
}

/** As a twin holds it: null means that there is no such key. */
function withoutNulls(value: Json | undefined): Json {
  if (!isJsonObject(value)) return value ?? null;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNulls(one)]])),
  );
}
