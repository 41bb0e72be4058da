import { createHash } from "node:crypto";
import { isJsonObject, parseJson } from "../lib/json.ts";

const DEFAULT_PAGE_SIZE = 100;
/** A page is at most this long, whatever is asked for. */
const PAGE_LIMIT = 1000;

export interface Page<T> {
  readonly items: readonly T[];
  /** For the x-ms-continuation header of the next request; undefined on the last page. */
  readonly continuation: string | undefined;
}

/** The page size that an x-ms-max-item-count header asks for, or undefined when it is not one. -1 leaves it to the hub. */
export function parsePageSize(header: string | undefined): number | undefined {
  if (header === undefined || header === "-1") return DEFAULT_PAGE_SIZE;
  const size = Number(header);
  return Number.isInteger(size) && size >= 1 ? Math.min(size, PAGE_LIMIT) : undefined;
}

/** The page that begins where a continuation token says, or undefined when the token is not of this query. */
export function pageOf<T>(
  rows: readonly T[],
  query: string,
  size: number,
  continuation: string | undefined,
): Page<T> | undefined {
  const start = continuation === undefined ? 0 : parseToken(continuation, query);
  if (start === undefined) return undefined;
  const end = start + size;
  return { items: rows.slice(start, end), continuation: end < rows.length ? makeToken(end, query) : undefined };
}

function makeToken(next: number, query: string): string {
  return Buffer.from(JSON.stringify({ next, query: digest(query) })).toString("base64");
}

function parseToken(token: string, query: string): number | undefined {
  const value = parseJson(Buffer.from(token, "base64").toString());
  if (!isJsonObject(value) || value["query"] !== digest(query)) return undefined;
  const { next } = value;
  return typeof next === "number" && Number.isInteger(next) && next >= 0 ? next : undefined;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
