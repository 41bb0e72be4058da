import { createCipheriv, createHash } from "node:crypto";
import { initialState, type AgentState } from "../../../agent/operations/agent-state.ts";
import type { StoredMetadata } from "../../../agent/trust/ports.ts";
import { randomFrom } from "../../support/random.ts";

/* What the writer writes, by number, the same each time: so that what is found on a disk can be compared letter by letter. */

/** A state whose number stands where the boot id does, of one block or of several: with that, one can be torn. */
export function stateOf(seed: number, number: number): AgentState {
  const random = randomFrom(seed + number);
  const operations = Array.from({ length: Math.floor(random() * 33) }, (_one, index) => ({
    operationId: `op-${number}-${index}`,
    method: "rebootDevice",
    status: 200,
    payload: { Response: bytesOf(seed, number, Math.floor(random() * 300)).toString("hex") },
  }));
  return { ...initialState(String(number)), seq: number, operations };
}

export function configOf(seed: number, number: number): string {
  return JSON.stringify({ number, text: bytesOf(seed, number, 200 + (number % 7) * 1_000).toString("hex") });
}

/** Metadata whose files all have its number, each of one block or of several. The verifier is not asked here: a root is "root N …". */
export function metadataOf(seed: number, number: number): StoredMetadata {
  const file = (name: string, index: number): Buffer => {
    const bytes = 10 + Math.floor(randomFrom(seed + number * 7 + index)() * 12_000);
    return Buffer.from(`${name} ${number} ${bytesOf(seed, number * 7 + index, bytes).toString("base64")}`);
  };
  return {
    root: file("root", 0),
    timestamp: file("timestamp", 1),
    snapshot: file("snapshot", 2),
    targets: file("targets", 3),
    roles: new Map([["acme,gateway", file("role", 4)]]),
  };
}

/** As the count in a trial record; numbers above it start again at 0. */
export function countOf(number: number): number {
  return number % 1_000;
}

export interface WrittenImage {
  readonly content: Buffer;
  readonly sha256: string;
}

const images = new Map<string, WrittenImage>();

export function imageOf(seed: number, number: number): WrittenImage {
  const name = `${seed} ${number}`;
  const image = images.get(name) ?? makeImage(seed, number);
  images.set(name, image);
  return image;
}

/** Of some images more arrives than goes unsynced: the agent syncs each 8 MiB. */
export function isLarge(imageNumber: number): boolean {
  return imageNumber % 10 === 0;
}

function makeImage(seed: number, number: number): WrittenImage {
  const leastBytes = isLarge(number) ? 8_600_000 : 100_000;
  const content = bytesOf(seed, number, leastBytes + Math.floor(randomFrom(seed ^ number)() * 500_000));
  return { content, sha256: createHash("sha256").update(content).digest("hex") };
}

function bytesOf(seed: number, number: number, bytes: number): Buffer {
  const key = createHash("sha256").update(`${seed} ${number}`).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}
