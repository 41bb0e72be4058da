import { deepEqual, ok } from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HistoryFile } from "../../agent/board/fs/history-file.ts";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { isJsonObject } from "../../agent/contract/json.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { imageServer, servingParts, testImage } from "../support/image-server.ts";
import type { ImageServer, TestImage } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { at } from "../support/paths.ts";
import { boardProcess } from "../support/processes.ts";
import type { AgentProcess, BoardProcess } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { ServiceApp } from "../support/service-app.ts";
import { BoardChecker } from "../support/board-checker.ts";
import type { DiskFault } from "./disk-fault-list.ts";

/* The kernel refuses the real agent a call on one of its files: strace gives the answer in the kernel's place. */

export interface DiskFaultResult {
  readonly faults: number;
  /** Calls that were refused. */
  readonly refused: number;
  /** What became of the first request, by word. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Faults that never acted, because the agent did not make that call so often. */
  readonly missed: readonly string[];
  /** Faults after which something was not as it must be, with what. */
  readonly broken: readonly string[];
}

/** Updates a new board under each fault, so many at a time. */
export async function runDiskFaults(faults: readonly DiskFault[], boards: number): Promise<DiskFaultResult> {
  const hub = await testHub();
  const image = testImage(2_500_000); // At least two pieces for direct writes, and some bytes for the page cache.
  const server = await imageServer(servingAnother(image));
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  await writeFile(caFile, server.ca);
  const left = faults.map((fault, index) => ({ fault, deviceId: `board-${index + 1}` }));
  const total = {
    faults: 0,
    refused: 0,
    outcomes: {} as Record<string, number>,
    missed: [] as string[],
    broken: [] as string[],
  };
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const journey = await Journey.begin(hub, next.deviceId, { image, origin: server.origin, caFile }, next.fault);
      total.faults += 1;
      const { outcome, refused, broken } = await journey.run();
      total.refused += refused;
      if (broken !== undefined) total.broken.push(broken);
      total.outcomes[outcome] = (total.outcomes[outcome] ?? 0) + 1;
      if (refused === 0) total.missed.push(JSON.stringify(next.fault));
    }
  };
  await Promise.all(Array.from({ length: boards }, work));
  return total;
}

/** Serves an image; under another name, first the beginning of what is another one by the next request. */
function servingAnother(image: TestImage): ImageServer["answer"] {
  const whole = servingParts(image, { etag: '"v2"' });
  const begun = new Set<string>();
  return (request, response) => {
    const { url = "" } = request;
    if (!url.startsWith("/changing/") || begun.has(url)) return whole(request, response);
    begun.add(url);
    response.writeHead(200, { etag: '"v1"', "content-length": image.sizeBytes });
    // Other bytes: those of the same image would be kept, whatever the server calls it.
    const half = Buffer.alloc(image.sizeBytes / 2);
    response.write(half, () => response.socket?.end()); // What was sent arrives.
  };
}

interface ImageOffer {
  readonly image: TestImage;
  readonly origin: string;
  readonly caFile: string;
}

/** What a bad disk may be reported as, by a refusal or by the end of an update. */
const codesOfBadDisks = new Set(["no-space", "disk-error", "state-not-saved", "starting"]);
const finished = new Set<unknown>(["completed", "failed", "rolledBack", "cancelled"]);
/** What an agent says that goes on as soon as the disk lets it. */
const waits = ["state not saved, trying again", "trial boot not counted, trying again"];

/** What a simulated board says of an agent that has crashed. */
const endedByItself = "agent ended, starting it again";

/** An update of one board whose disk refuses something, then works again. */
class Journey {
  readonly #fault: DiskFault;
  readonly #board: BoardProcess;
  readonly #checker: BoardChecker;
  readonly #offer: ImageOffer;
  readonly #log: string;
  readonly #deviceId: string;
  #agent: AgentProcess;
  #linesBefore: readonly JsonObject[] = [];
  #asked = 0;

  private constructor(
    fault: DiskFault,
    deviceId: string,
    board: BoardProcess,
    checker: BoardChecker,
    offer: ImageOffer,
  ) {
    this.#fault = fault;
    this.#deviceId = deviceId;
    this.#board = board;
    this.#checker = checker;
    this.#offer = offer;
    this.#log = join(board.folder, "refused");
    this.#agent = board.start({ UV_THREADPOOL_SIZE: "1" }, this.#strace());
  }

  static async begin(hub: LocalHub, deviceId: string, offer: ImageOffer, fault: DiskFault): Promise<Journey> {
    const board = await boardProcess(hub, deviceId, { BOARDKEEPER_UPDATE_CA_FILE: offer.caFile });
    // The simulated board would make it, and nobody repairs its own disk.
    await mkdir(join(board.folder, "state", "board"), { recursive: true });
    return new Journey(fault, deviceId, board, new BoardChecker(board, new ServiceApp(hub, deviceId)), offer);
  }

  async run(): Promise<{ outcome: string; refused: number; broken: string | undefined }> {
    let outcome: Outcome = { word: "no answer" };
    let broken: string | undefined;
    try {
      outcome = await this.#whileUp(this.#underTheFault());
      await this.#startAnew(outcome);
      await this.#whileUp(this.#afterTheFault(outcome));
    } catch (cause) {
      const said = this.#agent.lines.slice(-12).map((line) => JSON.stringify(line));
      broken = `${JSON.stringify(this.#fault)}: ${String(cause)}\n${said.join("\n")}\n${this.#agent.errors}`;
    }
    this.#agent.killAll();
    return { outcome: outcome.word, refused: await this.#countRefused(), broken };
  }

  async #underTheFault(): Promise<Outcome> {
    const ended = this.#agent.line({ msg: endedByItself }).then(() => "ended" as const);
    ended.catch(() => undefined); // It never did, which is well.
    const connected = this.#agent.line({ msg: "connected to the hub" }).then(() => "connected" as const);
    if ((await Promise.race([ended, connected])) === "ended") return { word: "does not start" };
    const { status, payload } = await this.#request();
    if (status !== 200) {
      const code = codeOf(payload["error"]);
      ok(codesOfBadDisks.has(code), `refused with ${status} ${JSON.stringify(payload)}`);
      const state = (await this.#checker.call("getStatus")).payload;
      deepEqual([at(state, "update.phase"), at(state, "update.operationId") ?? null], ["idle", null]);
      return { word: `refused: ${code}` };
    }
    const operationId = this.#operationId;
    const waiting = waits.map(async (msg) => await this.#agent.line({ msg }).then(() => undefined));
    const isForGood = this.#fault.when.endsWith("+");
    const end = await Promise.race([this.#checker.untilEnded(operationId), ended, ...(isForGood ? waiting : [])]);
    if (end === "ended") return { word: "crashed", operationId };
    if (end === undefined) {
      const phase = await this.#checker.service.reported("boardkeeper.update.phase");
      ok(!finished.has(phase), `ended before it was saved: ${JSON.stringify(phase)}`);
      return { word: "waits", operationId };
    }
    // What is reported is on disk already, whatever becomes of this process.
    const { saved } = await new ChecksummedStateFile(this.#stateFolder).inspect();
    deepEqual([saved?.update.phase], [at(end, "boardkeeper.update.phase")], "an end is reported that is not saved");
    return { word: await this.#wordOf(end), operationId };
  }

  /** A board that has gone would be waited for for ever. */
  async #whileUp<T>(work: Promise<T>): Promise<T> {
    const gone = this.#agent.exited.then((status) => {
      throw new Error(`the board has ended with ${status}`);
    });
    return await Promise.race([work, gone]);
  }

  /** From here on the disk works. */
  async #startAnew({ word }: Outcome): Promise<void> {
    ok(word !== "crashed" && word !== "does not start", word);
    const ended = this.#agent.lines.filter(({ level, msg }) => level === "fatal" || msg === endedByItself);
    deepEqual(ended, []);
    this.#agent.killAll();
    await this.#agent.exited;
    this.#linesBefore = this.#agent.lines;
    this.#agent = this.#board.start();
  }

  /** Whatever was accepted ends, and what was refused can be asked for again. */
  async #afterTheFault({ word, operationId }: Outcome): Promise<void> {
    if (operationId !== undefined) {
      const state = (await this.#checker.call("getStatus")).payload;
      deepEqual(at(state, "update.operationId"), operationId, "what was accepted is forgotten");
      const end = await this.#wordOf(await this.#checker.untilEnded(operationId));
      if (word !== "waits") deepEqual(end, word);
      const endLines = [...this.#linesBefore, ...this.#agent.lines].filter(
        (line) => line["msg"] === "update phase" && line["operationId"] === operationId && line["to"] === "completed",
      );
      ok(endLines.length <= 1, `ended ${endLines.length} times`);
      if (end === "completed") return await this.#checker.checkCompleted(version(this.#asked), operationId);
    }
    const { status } = await this.#request();
    deepEqual(status, 200);
    deepEqual(await this.#wordOf(await this.#checker.untilEnded(this.#operationId)), "completed");
    await this.#checker.checkCompleted(version(this.#asked), this.#operationId);
    const ends = await new HistoryFile(this.#stateFolder).read();
    deepEqual(ends.filter((one) => one.operationId === this.#operationId).length, 1, "not noted once in the history");
  }

  /** How an update has ended, which must be true, or be due to the disk and say so. */
  async #wordOf(reported: JsonObject): Promise<string> {
    const update = at(reported, "boardkeeper.update");
    ok(isJsonObject(update));
    const { phase, error } = update;
    if (phase === "completed") {
      deepEqual(await this.#checker.boots(), [update["version"], true]);
      return "completed";
    }
    const code = codeOf(error);
    ok(phase === "failed" && codesOfBadDisks.has(code), `ended as ${JSON.stringify(update)}`);
    return `failed: ${code}`;
  }

  async #request(): ReturnType<BoardChecker["call"]> {
    this.#asked += 1;
    const { origin, image } = this.#offer;
    return await this.#checker.call("firmwareUpdate", {
      fwPackageUri: `${origin}${this.#path}`,
      fwPackageCheckValue: image.sha256,
      fwPackageSize: image.sizeBytes,
      fwVersion: version(this.#asked),
      operationId: this.#operationId,
    });
  }

  get #stateFolder(): string {
    return join(this.#board.folder, "state");
  }

  /** Only what has arrived of another image is ever cut off. */
  get #path(): string {
    return this.#fault.call === "ftruncate" ? `/changing/${this.#deviceId}` : "/board.img";
  }

  get #operationId(): string {
    return `op-${this.#asked}`;
  }

  #strace(): string[] {
    const { file, call, error, when } = this.#fault;
    const path = join(this.#stateFolder, file.replace("DIGEST", this.#offer.image.sha256));
    const what = [`--inject=${call}:error=${error}:when=${when}`, `--trace=${call}`, `--trace-path=${path}`];
    return ["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", `--output=${this.#log}`, ...what];
  }

  async #countRefused(): Promise<number> {
    return (await readFile(this.#log, "utf8")).split("(INJECTED)").length - 1;
  }
}

interface Outcome {
  readonly word: string;
  /** Of an update that was accepted. */
  readonly operationId?: string;
}

function version(asked: number): string {
  return `2.0.${asked}`;
}

function codeOf(error: unknown): string {
  const code = at(error, "code");
  return typeof code === "string" ? code : "no code";
}
