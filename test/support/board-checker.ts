import { deepEqual } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readBoard } from "../../agent/board/simulator/board.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import { at } from "./paths.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { BoardProcess } from "./processes.ts";
import type { ServiceApp } from "./service-app.ts";

const endsOfReboots = new Set<unknown>(["proven", "failed", "cancelled"]);

/** An operation that has ended, and the version that the board runs since. */
export interface Ended {
  readonly of: "update" | "reboot";
  readonly operationId: string;
  readonly phase: string;
  readonly runs: string;
}

/** Somebody who asks a board and its hub, and believes only what both and the boot loader say. */
export class BoardChecker {
  readonly #board: BoardProcess;
  readonly service: ServiceApp;

  constructor(board: BoardProcess, service: ServiceApp) {
    this.#board = board;
    this.service = service;
  }

  /** Asks until somebody answers, as operators do: an agent that is killed answers nobody. */
  async call(method: string, payload?: unknown): Promise<MethodReply> {
    for (;;) {
      try {
        return await this.service.callMethod(method, payload);
      } catch (cause) {
        if (!(cause instanceof Error && /not found|timed out/i.test(cause.message))) throw cause;
      }
    }
  }

  /** The reported properties as soon as an operation has its one end there. */
  async untilEnded(operationId: string, of: "update" | "reboot" = "update"): Promise<JsonObject> {
    return await this.service.untilReported(`boardkeeper.${of}`, (section) => {
      if (!isJsonObject(section) || section["operationId"] !== operationId) return false;
      return of === "update" ? section["endedAt"] !== undefined : endsOfReboots.has(section["phase"]);
    });
  }

  /** Completed; the board runs it and will boot it; asked for again it does nothing; and the twin says all that. */
  async checkCompleted(version: string, operationId: string): Promise<void> {
    await this.checkEnded({ of: "update", operationId, phase: "completed", runs: version });
  }

  /** In this phase, and asked for again it does nothing; the board runs what it should, will boot it, and the twin says all that. */
  async checkEnded({ of, operationId, phase, runs }: Ended): Promise<void> {
    const { status, payload } = await (of === "update"
      ? this.#updateAgain(operationId)
      : this.call("rebootDevice", { operationId }));
    deepEqual([status, payload["operationId"], payload["repeated"]], [200, operationId, true]);
    deepEqual(await this.boots(), [runs, true]);
    const { state, twin } = await this.#agreement();
    deepEqual([at(state, `${of}.operationId`), at(state, `${of}.phase`)], [operationId, phase]);
    deepEqual(at(twin, "firmware.currentFwVersion"), runs);
  }

  /** The version that runs, and whether it is what the boot loader boots by default. */
  async boots(): Promise<[string | null | undefined, boolean]> {
    const board = await readBoard(join(this.#board.folder, "state", "board", "board.json"));
    return [board?.slots[board.running], board?.default === board?.running];
  }

  /** What the board says of itself, as soon as its twin says the same. */
  async #agreement(): Promise<{ state: JsonObject; twin: JsonObject }> {
    for (;;) {
      const { Response: _said, link: _link, ...state } = (await this.call("getStatus")).payload;
      const twin = (await this.service.twin()).properties.reported;
      const reported = canonicalJson(withoutNulls(twin["boardkeeper"]));
      if (reported === canonicalJson(withoutNulls(state))) return { state, twin };
    }
  }

  async #updateAgain(operationId: string): Promise<MethodReply> {
    // The same image as before: an operation id with another one is refused. Its address may have changed.
    const text = await readFile(join(this.#board.folder, "state", "state.json"), "utf8");
    const { saved }: { saved: AgentState } = JSON.parse(text);
    const image = saved.operations.find((one) => one.operationId === operationId)?.image;
    const fwPackageUri = "https://images.example/";
    const request = { fwPackageUri, fwVersion: image?.version, fwPackageCheckValue: image?.sha256, operationId };
    return await this.call("firmwareUpdate", request);
  }
}

/** As a twin holds it: null means that there is no such key. */
function withoutNulls(value: Json | undefined): Json {
  if (!isJsonObject(value)) return value ?? null;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNulls(one)]])),
  );
}
