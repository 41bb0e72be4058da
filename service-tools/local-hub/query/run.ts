import { isJsonObject, parseJson } from "../lib/json.ts";
import type { Json, JsonObject } from "../lib/json.ts";
import { evaluate, valueAt, finite } from "./evaluate.ts";
import type { Value } from "./evaluate.ts";
import type { AggregateName, Projection, Query } from "./query.ts";
import { createHash } from "node:crypto";

/** The rows of a query over these documents, in their order; those of groups in the order of their first documents. */
export function runQuery(query: Query, documents: readonly JsonObject[]): JsonObject[] {
  const { where, select, top } = query;
  const chosen = documents.filter((document) => where === undefined || evaluate(where, document) === true);
  const rows = select === "*" ? chosen : project(query, select, chosen);
  return top === undefined ? rows : rows.slice(0, top);
}

/** The x-ms-item-type header for the rows. */
export function itemType({ select, from }: Query): "Twin" | "DeviceJob" | "Raw" {
  if (select !== "*") return "Raw";
  return from === "devices.jobs" ? "DeviceJob" : "Twin";
}

function project(query: Query, select: readonly Projection[], chosen: readonly JsonObject[]): JsonObject[] {
  const isAggregation = query.groupBy.length > 0 || select.some(({ kind }) => kind === "aggregate");
  if (!isAggregation) return chosen.map((document) => row(select, [document]));
  if (query.groupBy.length === 0) return [row(select, chosen)];
  return groups(query, chosen).map((group) => row(select, group));
}

function groups({ groupBy }: Query, chosen: readonly JsonObject[]): JsonObject[][] {
  const found = new Map<string, JsonObject[]>();
  for (const document of chosen) {
    // Undefined is a group of its own, apart from null.
    const key = JSON.stringify(groupBy.map((path) => [valueAt(document, path)].filter((value) => value !== undefined)));
    const group = found.get(key);
    if (group === undefined) found.set(key, [document]);
    else group.push(document);
  }
  return [...found.values()];
}

function row(select: readonly Projection[], group: readonly JsonObject[]): JsonObject {
  const members = select.flatMap((projection): [string, Json][] => {
    const value = projected(projection, group);
    return value === undefined ? [] : [[projection.name, value]];
  });
  return Object.fromEntries(members);
}

function projected(projection: Projection, group: readonly JsonObject[]): Value {
  if (projection.kind === "value") return group[0] === undefined ? undefined : valueAt(group[0], projection.path);
  const { aggregate, path } = projection;
  if (path === undefined) return group.length;
  return aggregated(
    aggregate,
    group.map((document) => valueAt(document, path)).filter((value) => value !== undefined),
  );
}

function aggregated(aggregate: AggregateName, values: readonly Json[]): Value {
  const numbers = values.filter((value) => typeof value === "number");
  const sum = numbers.reduce((total, value) => total + value, 0);
  switch (aggregate) {
    case "COUNT":
      return values.length;
    case "SUM":
      return finite(sum);
    case "AVG":
      return numbers.length === 0 ? undefined : finite(sum / numbers.length);
    case "MIN":
      return extreme(values, (a, b) => a < b);
    case "MAX":
      return extreme(values, (a, b) => a > b);
  }
}

/** The extreme of the numbers, or of the strings when there are no numbers. */
function extreme(values: readonly Json[], before: <T extends number | string>(a: T, b: T) => boolean): Value {
  const numbers = values.filter((value) => typeof value === "number");
  const texts = values.filter((value) => typeof value === "string");
  const [number] = numbers.slice(0, 1);
  if (number !== undefined) return numbers.reduce((best, value) => (before(value, best) ? value : best), number);
  const [text] = texts.slice(0, 1);
  return text === undefined ? undefined : texts.reduce((best, value) => (before(value, best) ? value : best), text);
}

const DEFAULT_PAGE_SIZE = 100;
/** The most rows that a page may have. */
const PAGE_LIMIT = 1000;

export interface Page<T> {
  readonly items: readonly T[];
  /** For the x-ms-continuation header of the next request; undefined on the last page. */
  readonly continuation: string | undefined;
}

/** The page size in an x-ms-max-item-count header, or undefined when it is not valid. -1 means the default. */
export function parsePageSize(header: string | undefined): number | undefined {
  if (header === undefined || header === "-1") return DEFAULT_PAGE_SIZE;
  const size = Number(header);
  return Number.isInteger(size) && size >= 1 ? Math.min(size, PAGE_LIMIT) : undefined;
}

/** The page that begins where the continuation token says, or undefined when the token is not one of this query. */
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
