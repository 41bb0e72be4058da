import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { FilePartialStore } from "../../../agent/board/image/partial-store.ts";
import { StagingFolder } from "../../../agent/board/image/staging.ts";
import { ChecksummedStateFile } from "../../../agent/board/fs/state-file.ts";
import { reserveBytes } from "../../../agent/board/fs/reserve-file.ts";
import { BootCounterFile } from "../../../agent/board/fs/boot-counter-file.ts";
import { canonicalJson, isJsonObject } from "../../../agent/contract/json.ts";
import { AgentError } from "../../../agent/lib/errors.ts";
import { stateFileNames } from "../../../agent/config/paths.ts";
import { configOf, imageOf, stateOf } from "./content.ts";
import { readTrust } from "./trust-store.ts";
import { reserved, type ReadBack, type ReadBackImage } from "./durability-spec.ts";

/** Reads what lies on a disk as the agent does when it starts in another boot. */
export async function readBack(folder: string, seed: number, images: readonly number[]): Promise<ReadBack> {
  const staging = new StagingFolder(join(folder, "staging"), 0);
  const found: Record<number, ReadBackImage> = {};
  for (const number of images) found[number] = await readImage(staging, folder, seed, number);
  return {
    state: await readState(folder, seed),
    trials: await new BootCounterFile(folder).read(),
    config: await readConfig(folder, seed),
    reserve: await readReserve(folder),
    ...(await readTrust(folder, seed)),
    images: found,
  };
}

async function readState(folder: string, seed: number): Promise<ReadBack["state"]> {
  const { saved, problems } = await new ChecksummedStateFile(folder).load();
  if (problems.length > 0) return "damaged";
  if (saved === undefined) return null;
  return canonicalJson(saved) === canonicalJson(stateOf(seed, saved.seq)) ? saved.seq : "damaged";
}

async function readConfig(folder: string, seed: number): Promise<ReadBack["config"]> {
  const text = await orNull(readFile(join(folder, stateFileNames.lastKnownGoodConfig), "utf8"));
  if (text === null) return null;
  const number = /^\{"number":(\d+),/.exec(text)?.[1];
  return number !== undefined && configOf(seed, Number(number)) === text ? Number(number) : "damaged";
}

async function readReserve(folder: string): Promise<number> {
  const file = await orNull(stat(join(folder, stateFileNames.reserve)));
  if (file === null) return reserved.gone;
  // Blocks that it does not have would give nothing way.
  return Math.min(file.size, file.blocks * 512) >= reserveBytes ? reserved.whole : reserved.part;
}

async function readImage(staging: StagingFolder, folder: string, seed: number, number: number): Promise<ReadBackImage> {
  const { content, sha256 } = imageOf(seed, number);
  const { signal } = new AbortController();
  const path = join(folder, "staging", `${sha256}.part`);
  const there = await sizeOf(path);
  const record = await orNull(readFile(`${path}.json`, "utf8"));
  const staged = await staging.verify(sha256, signal).then(
    () => "right" as const,
    (cause: unknown) => {
      if (cause instanceof AgentError && cause.message.includes("is gone")) return "none" as const;
      if (cause instanceof AgentError && cause.code === "image-changed") return "wrong" as const;
      throw cause;
    },
  );
  const usable = there === null ? 0 : await usableOf(path, content);
  return { there, claimed: record === null ? null : claimOf(record), usable, staged };
}

function claimOf(record: string): number | "damaged" {
  try {
    const read: unknown = JSON.parse(record);
    return isJsonObject(read) && typeof read["syncedBytes"] === "number" ? read["syncedBytes"] : "damaged";
  } catch {
    return "damaged";
  }
}

/** Bytes that the next process would go on from; null when they are not the image's. */
async function usableOf(path: string, content: Buffer): Promise<number | null> {
  const clock = { nowMs: () => 0 };
  const partial = await new FilePartialStore("boot after the cut", clock).open(
    path,
    "op-1",
    new AbortController().signal,
  );
  const expected = createHash("sha256").update(content.subarray(0, partial.bytes)).digest("hex");
  const isRight = partial.digest() === expected;
  const { bytes } = partial;
  await partial.close();
  return isRight ? bytes : null;
}

async function sizeOf(path: string): Promise<number | null> {
  return (await orNull(stat(path)))?.size ?? null;
}

async function orNull<T>(read: Promise<T>): Promise<T | null> {
  return await read.catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw cause;
  });
}
