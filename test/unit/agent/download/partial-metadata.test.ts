import { describe, expect, it } from "vitest";
import { check } from "../../../../agent/contract/check.ts";
import {
  noUsage,
  partialMetadata,
  metadataPath,
  usableBytes,
  type PartialMetadata,
} from "../../../../agent/download/partial-metadata.ts";

const record: PartialMetadata = {
  schema: 1,
  bootId: "boot-1",
  syncedBytes: 600,
  totalBytes: 1_000,
  source: null,
  spent: { operationId: "op-1", fetchingMs: 0, startOvers: 0, fetchedAgain: false },
};

describe("the bytes to go on from", () => {
  it.each<[what: string, change: Partial<PartialMetadata>, bootId: string, fileBytes: number, usable: number]>([
    ["all, in the boot that wrote them", {}, "boot-1", 900, 900],
    ["those that were synced, after a power cut", {}, "boot-2", 900, 600],
    ["none, when bytes are gone that were synced", {}, "boot-1", 599, 0],
    ["those that were synced, where no others are", {}, "boot-2", 600, 600],
    ["none, when there are more than there can be", {}, "boot-1", 1_001, 0],
    ["all, when nobody knows how many there should be", { totalBytes: null }, "boot-1", 1_001, 1_001],
    ["all that there should be", {}, "boot-1", 1_000, 1_000],
    ["none, when none was synced", { syncedBytes: 0 }, "boot-2", 900, 0],
  ])("%s", (_what, change, bootId, fileBytes, usable) => {
    expect(usableBytes({ ...record, ...change }, bootId, fileBytes)).toBe(usable);
  });
});

describe("a record", () => {
  const source = { address: "https://images.example/board.img", validator: '"v1"' };
  const isGood = (changes: object): boolean => check(partialMetadata, { ...record, source, ...changes }).ok;

  it("lies beside its file, and begins with nothing spent", () => {
    expect(metadataPath("/staging/x.part")).toBe("/staging/x.part.json");
    expect(noUsage("op-1")).toStrictEqual(record.spent);
  });

  it("is good as it is written", () => {
    expect(isGood({})).toBe(true);
    expect(isGood({ source: { ...source, address: "http://images.example/board.img", validator: null } })).toBe(true);
  });

  it.each<[what: string, changes: object, problem: string]>([
    ["a newer schema", { schema: 2 }, "schema"],
    ["no boot", { bootId: 7 }, "bootId"],
    ["no bytes", { syncedBytes: undefined }, "syncedBytes"],
    ["bytes that cannot be", { syncedBytes: -1 }, "syncedBytes"],
    [
      "an address in a sentence",
      { source: { ...source, address: "see https://x" } },
      "source.address: expected an address",
    ],
    ["an address with more behind it", { source: { ...source, address: "https://x y" } }, "source.address"],
    ["an address of nothing", { source: { ...source, address: "https://" } }, "source.address"],
    ["no address", { source: { validator: null } }, "source.address"],
    [
      "a validator that would end its header",
      { source: { ...source, validator: "a\r\nb" } },
      "source.validator: expected a header's value",
    ],
    ["a validator that begins with a line's end", { source: { ...source, validator: "\na" } }, "source.validator"],
    ["an empty validator", { source: { ...source, validator: "" } }, "source.validator"],
    ["nothing spent", { spent: undefined }, "spent"],
    ["half of what was spent", { spent: { operationId: "op-1", fetchingMs: 1, startOvers: 1 } }, "spent.fetchedAgain"],
  ])("is refused with %s", (_what, changes, problem) => {
    const checked = check(partialMetadata, { ...record, source, ...changes });
    expect(checked.ok ? [] : checked.problems).toStrictEqual([expect.stringContaining(problem)]);
  });
});
