import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import * as v from "valibot";
import { isoTime } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import type { Target } from "../lib/target.ts";
import type { Log } from "../lib/log.ts";
import type { MessageProperties } from "./message-properties.ts";
import { PRIVATE_FILE, makePrivateFolder, syncFolder, writeAtomically } from "../storage/atomic-file.ts";
import { CorruptStateFile, readIfPresent } from "../storage/read-state.ts";
import { telemetryEvent } from "./event.ts";
import type { Publication, TelemetryEvent } from "./event.ts";

/** How many events one file holds. The previous file is kept, so up to twice as many are stored. */
const EVENTS_PER_FILE = 1000;

const eventSchema = v.object({
  sequenceNumber: v.number(),
  enqueuedTime: v.string(),
  deviceId: v.string(),
  moduleId: v.exactOptional(v.string()),
  systemProperties: v.custom<Record<string, string>>((value) => typeof value === "object" && value !== null),
  properties: v.custom<Record<string, string | null>>((value) => typeof value === "object" && value !== null),
  body: v.exactOptional(v.string()),
  bodyBase64: v.exactOptional(v.string()),
});

/**
 * The last device-to-cloud messages, in order of arrival. On disk they are lines of JSON in two files; when the newer is full
 * it replaces the older. A line is written before its message is acknowledged. A kill of the hub loses none; a power cut may
 * lose the last ones, since lines are not synced one by one.
 */
export class TelemetryStore {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(event: TelemetryEvent) => void>();
  #older: TelemetryEvent[] = [];
  #newer: TelemetryEvent[] = [];
  #lastSequence = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, clock: Clock, log: Log) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
  }

  async load(): Promise<void> {
    await makePrivateFolder(dirname(this.#path));
    this.#older = await this.#read(this.#olderPath());
    this.#newer = await this.#read(this.#path);
    this.#lastSequence = this.#newer.at(-1)?.sequenceNumber ?? this.#older.at(-1)?.sequenceNumber ?? 0;
  }

  /** Resolves when the event is written. */
  async add(target: Target, properties: MessageProperties, publication: Publication): Promise<void> {
    const added = this.#writing.then(() => this.#add(target, properties, publication));
    // A failed write is reported to its own device; the next one is tried anyway.
    this.#writing = added.catch(() => undefined);
    await added;
  }

  /** Resolves when no write is under way. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  events(): TelemetryEvent[] {
    return [...this.#older, ...this.#newer];
  }

  /** Calls the listener with each new event. Returns a function that stops it. */
  follow(listener: (event: TelemetryEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #add(target: Target, properties: MessageProperties, publication: Publication): Promise<void> {
    if (this.#newer.length >= EVENTS_PER_FILE) await this.#beginNextFile();
    const at = isoTime(this.#clock.nowMs());
    const event = telemetryEvent(this.#lastSequence + 1, at, target, properties, publication);
    await appendLine(this.#path, JSON.stringify(event));
    this.#lastSequence = event.sequenceNumber;
    this.#newer.push(event);
    for (const listener of this.#listeners) listener(event);
  }

  async #beginNextFile(): Promise<void> {
    await rename(this.#path, this.#olderPath());
    [this.#older, this.#newer] = [this.#newer, []];
    await syncFolder(dirname(this.#path));
  }

  #olderPath(): string {
    return `${this.#path}.1`;
  }

  async #read(path: string): Promise<TelemetryEvent[]> {
    const lines = ((await readIfPresent(path)) ?? "").split("\n");
    const last = lines.pop();
    const events = lines.map((line, index) => parseLine(path, line, index + 1));
    if (last !== undefined && last !== "") await this.#dropTorn(path, events);
    return events;
  }

  /** Drops an incomplete last line: the hub was killed while it wrote it, and its message was not acknowledged. */
  async #dropTorn(path: string, events: readonly TelemetryEvent[]): Promise<void> {
    this.#log({ level: "warn", message: "half a telemetry event dropped", file: path });
    await writeAtomically(path, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }
}

/** Appends the whole line or, for instance when the disk is full, nothing: the next line must not follow half a line. */
async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, "a", PRIVATE_FILE);
  try {
    const { size } = await file.stat();
    await file.appendFile(`${line}\n`).catch(async (error: unknown) => {
      await file.truncate(size);
      throw error;
    });
  } finally {
    await file.close();
  }
}

function parseLine(path: string, line: string, number: number): TelemetryEvent {
  try {
    return v.parse(eventSchema, JSON.parse(line));
  } catch (error) {
    throw new CorruptStateFile(path, `line ${number} is not a telemetry event`, { cause: error });
  }
}
