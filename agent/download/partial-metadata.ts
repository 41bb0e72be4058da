import * as v from "valibot";
import { isMatchingText, rule, wholeNumber, shortText } from "../contract/check.ts";
import { operationId } from "../contract/methods.ts";

/*
 * What is known of a partial file, kept in a small file beside it. The partial file is named by the digest that the whole
 * must have, so nothing here depends on the address that the bytes came from.
 */

const headerValue = rule<string>("a header's value", isMatchingText(/^[\x20-\x7e\x80-\uffff]+$/, 200));

/** A redirect may fill Node's 16 KiB of headers with letters that each become six characters of a URL. */
const longestAddress = 100_000;

/** Where bytes came from, and what the server calls the content that they are of. */
const source = v.object({
  /** Without its query, which may be a signature. */
  address: rule<string>("an address", isMatchingText(/^https?:\/\/\S+$/, longestAddress)),
  /** A strong ETag or a strong Last-Modified; null where the server gave none. */
  validator: v.nullable(headerValue),
});
export type ImageSource = Readonly<v.InferOutput<typeof source>>;

export const partialMetadata = v.object({
  schema: v.literal(1),
  /** The boot in which it was written: in another one, only bytes that were synced can be trusted to be there. */
  bootId: shortText,
  syncedBytes: wholeNumber,
  totalBytes: v.nullable(wholeNumber),
  source: v.nullable(source),
  /** What the job has used up of its bounds. Another job begins anew. */
  spent: v.object({
    operationId,
    /** How long it has been fetching, while the agent ran. */
    fetchingMs: wholeNumber,
    /** How often it began at the first byte again. */
    startOvers: wholeNumber,
    /** Whether it was fetched whole once more because the parts did not fit together. */
    fetchedAgain: v.boolean(),
  }),
});
export type PartialMetadata = Readonly<v.InferOutput<typeof partialMetadata>>;
export type DownloadUsage = PartialMetadata["spent"];

/** Where the record of a partial file lies: beside it. */
export function metadataPath(path: string): string {
  return `${path}.json`;
}

export function noUsage(jobOperationId: string): DownloadUsage {
  return { operationId: jobOperationId, fetchingMs: 0, startOvers: 0, fetchedAgain: false };
}

/**
 * How many bytes of a partial file to go on from. In the boot that wrote them the kernel still has them all; after a power
 * cut a file's end may be holes or noise, so what was not synced is cut off rather than found wrong when all is fetched.
 */
export function usableBytes(record: PartialMetadata, bootId: string, fileBytes: number): number {
  const { syncedBytes, totalBytes } = record;
  if (fileBytes < syncedBytes || (totalBytes !== null && fileBytes > totalBytes)) return 0; // Not what was recorded.
  return record.bootId === bootId ? fileBytes : syncedBytes;
}
