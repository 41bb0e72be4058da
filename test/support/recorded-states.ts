import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { historyAfter, writeHistory, type HistoryEntry } from "../../agent/operations/history.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { FakeBoard, type FakeBoardOptions } from "./fake-board.ts";
import { FakeHub } from "./fake-hub.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { digest } from "./updates.ts";

/*
 * Runs a board through every phase of its updates and reboots, and keeps one saved state of each. scripts/record-states runs this file in
 * the sources of an earlier release too, so it uses only what boards of tests can do there.
 */

const minuteMs = 60_000;

const update = {
  fwPackageUri: "https://images.example/board.img?sig=secret",
  mirrors: ["https://mirror.example/board.img"],
  fwPackageCheckValue: digest,
  fwPackageSize: 1_000,
  fwVersion: "2.0.0",
  operationId: "update-1",
};
/** What is declared to the boards on which something is declared. */
export const desired: JsonObject = {
  boardkeeper: { agent: { "log-level": "warn" } },
  firmware: {
    fwPackageURI: update.fwPackageUri,
    fwPackageCheckValue: digest,
    fwVersion: update.fwVersion,
    mirrors: update.mirrors,
  },
};

export const refusedDesired: JsonObject = {
  boardkeeper: { agent: { "log-level": "loud" } },
  firmware: { fwVersion: "" },
};

const windows = [{ cron: "0 2 * * *", duration: "2h", timezone: "UTC" }];

interface Life {
  readonly options?: FakeBoardOptions;
  /** What happens to a board that is connected. */
  readonly play: (board: FakeBoard, hub: FakeHub) => Promise<void>;
}

const lives: Readonly<Record<string, Life>> = {
  "an update": {
    play: async (board) => {
      await board.ask("firmwareUpdate", update);
      await board.time.advance(10 * minuteMs);
    },
  },
  "an update that is declared": {
    play: async (board, hub) => {
      hub.setDesired(desired);
      await board.time.advance(10 * minuteMs);
    },
  },
  "an update that is declared and does not arrive": {
    play: async (board, hub) => {
      board.fetchFailure = new AgentError("unreachable", "The server could not be reached.");
      hub.setDesired(desired);
      await board.time.advance(5 * minuteMs);
    },
  },
  "an update that is declared and refused, with a configuration that is refused": {
    play: async (board, hub) => {
      hub.setDesired(refusedDesired);
      await board.time.advance(minuteMs);
    },
  },
  "an update that waits for an order, and is cancelled": {
    play: async (board) => {
      await board.ask("firmwareUpdate", { ...update, apply: "manual" });
      await board.time.advance(5 * minuteMs);
      await board.ask("cancelFirmwareUpdate", {});
    },
  },
  "an update in a window, cancelled": {
    options: { settings: { "maintenance.windows": windows } },
    play: async (board) => {
      await board.ask("firmwareUpdate", { ...update, apply: "window" });
      await board.time.advance(5 * minuteMs);
      await board.ask("cancelFirmwareUpdate", {});
    },
  },
  "an update that must begin by some time, and does not": {
    play: async (board) => {
      await board.ask("firmwareUpdate", { ...update, apply: "manual", startBy: "2026-01-02T03:20:00Z" });
      await board.time.advance(30 * minuteMs);
    },
  },
  "an update that does not arrive": {
    play: async (board) => {
      board.fetchFailure = new AgentError("unreachable", "The server could not be reached.");
      await board.ask("firmwareUpdate", update);
      await board.time.advance(5 * minuteMs);
    },
  },
  "an update that cannot be installed": {
    play: async (board) => {
      board.breakInstall();
      await board.ask("firmwareUpdate", update);
      await board.time.advance(5 * minuteMs);
    },
  },
  "an update whose system does not reach its hub": {
    play: async (board, hub) => {
      await board.ask("firmwareUpdate", update);
      await board.time.advance(65_000);
      hub.cut();
      await board.time.advance(60 * minuteMs);
    },
  },
  "an update of a service": {
    options: { restart: "service" },
    play: async (board) => {
      await board.ask("firmwareUpdate", update);
      await board.time.advance(10 * minuteMs);
    },
  },
  "an update of a service that does not become healthy, nor goes back": {
    options: { restart: "service" },
    play: async (board, hub) => {
      board.revertFailure = new AgentError("installer-failed", "The old slot could not be chosen.");
      await board.ask("firmwareUpdate", update);
      await board.time.advance(50_000);
      hub.cut();
      await board.time.advance(90 * minuteMs);
    },
  },
  "an update whose reboot does not come": {
    play: async (board) => {
      board.forgetsReboot = true;
      await board.ask("firmwareUpdate", update);
      await board.time.advance(60 * minuteMs);
    },
  },
  "a reboot": {
    play: async (board) => {
      await board.ask("rebootDevice", { operationId: "reboot-1", delaySeconds: 60, reason: "kernel", force: true });
      await board.time.advance(10 * minuteMs);
      await board.ask("rebootDevice", { operationId: "reboot-2", delaySeconds: 60 });
      await board.ask("cancelReboot", {});
    },
  },
  "a reboot in a window": {
    options: { settings: { "maintenance.windows": windows } },
    play: async (board) => {
      await board.ask("rebootDevice", { operationId: "reboot-1", window: true });
      await board.time.advance(minuteMs);
    },
  },
  "a reboot that waits for an update": {
    play: async (board) => {
      board.installMs = 5 * minuteMs;
      board.breakInstall();
      await board.ask("firmwareUpdate", update);
      await board.ask("rebootDevice", { operationId: "reboot-1", delaySeconds: 90 });
      await board.time.advance(20 * minuteMs);
    },
  },
  "a reboot that waits for an update, whose own reboot fulfils it": {
    play: async (board) => {
      board.installMs = 5 * minuteMs;
      await board.ask("firmwareUpdate", update);
      await board.ask("rebootDevice", { operationId: "reboot-1", delaySeconds: 90 });
      await board.time.advance(20 * minuteMs);
    },
  },
  "a reboot that never comes": {
    play: async (board) => {
      board.forgetsReboot = true;
      await board.ask("rebootDevice", { operationId: "reboot-1" });
      await board.time.advance(20 * minuteMs);
    },
  },
};

/** What a saved state is about, as the name of a file: `update-staged-manual`, `update-rebooting-armed.reboot-scheduled`. */
function nameOf({ update: of, reboot, handledDesired }: AgentState): string {
  const inUpdate = [
    "job" in of && of.job.origin === "desired" ? "declared" : "",
    (handledDesired?.refused ?? null) !== null ? "refused" : "",
    of.phase,
    "job" in of && of.phase === "staged" ? of.job.apply : "",
    "job" in of && of.job.startBy !== undefined ? "leased" : "",
    "installed" in of && of.installed !== null ? `installed-${of.installed}` : "",
    "armed" in of && of.armed ? "armed" : "",
    "restart" in of ? of.restart : "",
    "proven" in of && of.proven ? "proven" : "",
    "reverted" in of && of.reverted ? "reverted" : "",
    "error" in of ? (of.error?.code ?? "") : "",
  ];
  const inReboot = [
    reboot.phase,
    "job" in reboot && reboot.job?.window === true ? "window" : "",
    "cause" in reboot ? reboot.cause : "",
    reboot.phase === "proven" ? `${reboot.last.cause}${reboot.last.at === null ? "-untimed" : ""}` : "",
    "dueBootMs" in reboot && reboot.phase === "waiting" ? "unblocked" : "",
    "error" in reboot ? reboot.error.code : "",
  ];
  const join = (parts: readonly string[]): string => parts.filter((one) => one !== "").join("-");
  return `update-${join(inUpdate)}.reboot-${join(inReboot)}`;
}

/** Files as this release writes them, by their names: one saved state of each name, and a history with all ends. */
export async function recordFiles(): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, AgentState>();
  let history: readonly HistoryEntry[] = [];
  for (const { options, play } of Object.values(lives)) {
    const hub = new FakeHub();
    const board = new FakeBoard(hub, options);
    board.isLastSave = (saved) => {
      history = historyAfter(history, saved, board.time.now().toISOString());
      const name = nameOf(saved);
      if (!states.has(name)) states.set(name, saved);
      return false;
    };
    await board.powerOn();
    await board.time.advance(minuteMs);
    await play(board, hub);
  }
  const files = new Map([["history.json", writeHistory(history)]]);
  for (const [name, saved] of states) {
    const disk = new MemoryDisk();
    await new ChecksummedStateFile("/", disk).save(saved);
    files.set(`${name}.json`, await disk.read("/state.json"));
  }
  return files;
}
