import { textAt, type JsonObject } from "../../agent/contract/json.ts";
import { formatHistory } from "../../agent/cli/format/format-history.ts";
import { formatRows, statusRows } from "../../agent/cli/format/format-status.ts";
import { createLog } from "../../agent/lib/log.ts";
import { DeviceOffline } from "../../service-tools/cli/errors.ts";
import { FakeHubClient } from "../../service-tools/hub-client/fake-hub-client.ts";
import type { MethodReply, Target, TwinPatch } from "../../service-tools/hub-client/hub-client.ts";
import { runCommandLine } from "../../service-tools/run.ts";
import { FakeBoard, type FakeBoardOptions } from "./fake-board.ts";
import { FakeContext } from "./fake-context.ts";
import { FakeHub } from "./fake-hub.ts";
import { at } from "./paths.ts";

/* Runs one operation to its end, and says what everybody sees then: docs/ends.md is made of it. */

const minuteMs = 60_000;
/** How often `meanwhile` is called. */
const stepMs = 5_000;
/** Longer than any operation here takes. */
const longestMs = 180 * minuteMs;

/** The client of the CLI, at the hub of a board that is in memory too. */
class ClientOfFakeHub extends FakeHubClient {
  readonly #hub: FakeHub;

  constructor(hub: FakeHub) {
    super();
    this.#hub = hub;
  }

  override getTwin(): Promise<JsonObject> {
    const { desired, desiredVersion, reported, isReachable } = this.#hub;
    const properties = { desired: { ...desired, $version: desiredVersion }, reported };
    const connectionState = isReachable ? "Connected" : "Disconnected";
    return Promise.resolve({ deviceId: "board-1", connectionState, properties });
  }

  override patchTwin(_target: Target, { desired = {} }: TwinPatch): Promise<JsonObject> {
    this.#hub.setDesired(desired);
    return this.getTwin();
  }

  override async callMethod(_target: Target, method: string, payload: JsonObject): Promise<MethodReply> {
    try {
      return await this.#hub.call(method, payload);
    } catch (cause) {
      throw new DeviceOffline("board-1 is offline.", { cause });
    }
  }
}

export interface End {
  readonly name: string;
  readonly board?: FakeBoardOptions;
  /** Plays it to its end. */
  readonly play: (run: EndRun) => Promise<void>;
}

/** A board, its hub and an operator, in one time. */
export class EndRun {
  readonly hub = new FakeHub();
  readonly board: FakeBoard;
  #log = "";
  #out = "";
  #exitCode: number | undefined;

  constructor(options: FakeBoardOptions = {}) {
    const log = createLog("info", { write: (line) => void (this.#log += line) });
    this.board = new FakeBoard(this.hub, { ...options, log });
  }

  /** Types a command of `boardkeeper`, and lets time pass until it ends. `meanwhile` is called every five seconds. */
  async operator(line: string, meanwhile: (passedMs: number) => Promise<void> | void = () => undefined): Promise<void> {
    const context = new FakeContext(this.board.time);
    context.client = new ClientOfFakeHub(this.hub);
    const running = runCommandLine(line.split(" "), context);
    const over = new AbortController();
    void running.finally(() => over.abort());
    for (let passedMs = 0; passedMs < longestMs && !over.signal.aborted; passedMs += stepMs) {
      await meanwhile(passedMs);
      await this.board.time.advance(stepMs);
    }
    this.#exitCode = await running;
    this.#out = `${context.out.text}${lastParagraph(context.err.text)}`;
  }

  async pass(minutes: number): Promise<void> {
    await this.board.time.advance(minutes * minuteMs);
  }

  /** What everybody sees at the end, as rows of a table. */
  async rows(): Promise<readonly (readonly [where: string, says: string])[]> {
    const { reported } = this.hub;
    const { payload } = await this.board.ask("getStatus", null);
    const rows = formatRows(statusRows({ running: true, ...payload })).split("\n");
    return [
      ["State on disk", describeState(this.board)],
      ["Twin, root", describe(reported, ["firmwareStatus", "firmwareError", "rebootTime", "lastFirmwareUpdate"])],
      [
        "Twin, `iothubDM`",
        describe(at(reported, "iothubDM"), ["firmwareUpdate.status", "firmwareUpdate.error", "reboot"]),
      ],
      [
        "Twin, `firmware`",
        describe(at(reported, "firmware"), ["fwUpdateStatus", "fwUpdateSubstatus", "currentFwVersion"]),
      ],
      ["Twin, `boardkeeper`", describe(at(reported, "boardkeeper"), ours)],
      ["`getStatus`", describe(payload, ours)],
      [
        "`boardkeeper-agent status`",
        code(rows.filter((row) => /^(Problems|Firmware|Update|Refused|Reboot|Configuration) /.test(row)).join("\n")),
      ],
      ["`boardkeeper-agent history`", code(formatHistory(this.board.history.slice(-2)))],
      ["Log", code(this.#logLines())],
      ["`boardkeeper`", code(this.#out)],
      ["Exit code", this.#exitCode === undefined ? "no command was typed" : `${this.#exitCode}`],
    ];
  }

  /** The warnings, and the last line about a phase. */
  #logLines(): string {
    const lines = this.#log
      .split("\n")
      .filter((line) => line !== "")
      .map((line): JsonObject => JSON.parse(line));
    const lastPhase = lines.findLast(({ msg }) => msg === "update phase" || msg === "reboot phase");
    const worth = lines.filter((line) => line["level"] !== "info" || line === lastPhase);
    return worth.map(formatLine).slice(-3).join("\n") || lines.map(formatLine).slice(-1).join("\n");
  }
}

const ours = [
  "update.phase",
  "update.error",
  "update.refused",
  "update.lastProven.version",
  "reboot.phase",
  "reboot.cause",
  "reboot.error",
  "config",
  "agent.problems",
];

function describeState({ saved }: FakeBoard): string {
  if (saved === undefined) return "nothing";
  const { update, reboot, handledDesired, lastProven } = saved;
  return describe({ update, reboot, handledDesired, lastProven }, [
    "update.phase",
    "update.error.code",
    "reboot.phase",
    "reboot.error.code",
    "handledDesired.refused.code",
    "lastProven.version",
  ]);
}

/** The values at some paths; those that are not there are left out. */
function describe(tree: unknown, paths: readonly string[]): string {
  const found = paths.flatMap((path) => {
    const value = at(tree, path);
    return value === undefined || value === null ? [] : [`${path}: ${JSON.stringify(value)}`];
  });
  return found.length === 0 ? "says nothing of it" : code(found.join("\n"));
}

function formatLine(line: JsonObject): string {
  const text = (key: string): string => textAt(line, key) ?? "";
  const phases = text("to") === "" ? "" : ` ${text("from")} -> ${text("to")}`;
  const why = line["error"] ?? line["refusal"] ?? at(line["err"], "message");
  return `${text("level")}: ${text("msg")}${phases}${why === undefined ? "" : ` ${JSON.stringify(why)}`}`;
}

/** Lines of a cell of a Markdown table. */
function code(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return "nothing";
  return lines.map((line) => `\`${line.trimEnd().replaceAll("|", "\\|").replaceAll("`", "'")}\``).join("<br>");
}

/** What a command says at its end: progress comes before it. */
function lastParagraph(text: string): string {
  const lines = text.trimEnd().split("\n");
  const from = lines.findLastIndex((line) => line.startsWith("boardkeeper: "));
  return from < 0 ? "" : lines.slice(from).join("\n");
}
