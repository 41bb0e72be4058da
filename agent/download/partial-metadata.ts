import * as v from "valibot";
import { isMatchingText, rule, wholeNumber, shortText } from "../contract/check.ts";
import { operationId } from "../contract/methods.ts";

/*
 * What is known of a partial file, saved in a small file beside it. The partial file is named by the expected digest, so
 * nothing here depends on the address that the bytes came from.
 */

const headerValue = rule<string>("a header's value", isMatchingText(/^[\x20-\x7e\x80-\uffff]+$/, 200));

/** A redirect may fill Node's 16 KiB of headers with letters that each become six characters of a URL. */
const maxAddressLength = 100_000;

/** Where bytes came from, and the server's validator for their content. */
const source = v.object({
  /** Without its query, which may be a signature. */
  address: rule<string>("an address", isMatchingText(/^https?:\/\/\S+$/, maxAddressLength)),
  /** A strong ETag or a strong Last-Modified; null where the server gave none. */
  validator: v.nullable(headerValue),
});
export type ImageSource = Readonly<v.InferOutput<typeof source>>;

export const partialMetadata = v.object({
  schema: v.literal(1),
  /** The boot in which it was written: after another boot, only synced bytes are certain to be there. */
  bootId: shortText,
  syncedBytes: wholeNumber,
  totalBytes: v.nullable(wholeNumber),
  source: v.nullable(source),
  /** What the job has used of its limits. Another job starts at zero. */
  spent: v.object({
    operationId,
    /** How long it has been downloading, while the agent ran. */
    fetchingMs: wholeNumber,
    /** How often it started again at the first byte. */
    startOvers: wholeNumber,
    /** Whether it was downloaded in full again because the parts did not fit together. */
    fetchedAgain: v.boolean(),
  }),
});
export type PartialMetadata = Readonly<v.InferOutput<typeof partialMetadata>>;
export type DownloadUsage = PartialMetadata["spent"];

/** The path of a partial file's metadata: beside it. */
export function metadataPath(path: string): string {
  return `${path}.json`;
}

export function noUsage(jobOperationId: string): DownloadUsage {
  return { operationId: jobOperationId, fetchingMs: 0, startOvers: 0, fetchedAgain: false };
}

/** Whether a job has used anything of its limits. */
export function hasUsedAny({ fetchingMs, startOvers, fetchedAgain }: DownloadUsage): boolean {
  return fetchingMs > 0 || startOvers > 0 || fetchedAgain;
}

/**
 * How many bytes of a partial file to resume from. In the boot that wrote them, the kernel has them all. After a power cut
 * the end of a file may be holes or noise, so bytes that were not synced are discarded.
 */
export function usableBytes(metadata: PartialMetadata, bootId: string, fileBytes: number): number {
  const { syncedBytes, totalBytes } = metadata;
  if (fileBytes < syncedBytes || (totalBytes !== null && fileBytes > totalBytes)) return 0; // Not what was recorded.
  return metadata.bootId === bootId ? fileBytes : syncedBytes;
}
