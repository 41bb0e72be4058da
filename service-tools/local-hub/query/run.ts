import type { Json, JsonObject } from "../lib/json.ts";
import { evaluate, valueAt } from "./evaluate.ts";
import { finite } from "./functions.ts";
import type { Value } from "./functions.ts";
import type { AggregateName, Projection, Query } from "./query.ts";

/** The rows of a query over these documents, in their order; those of aggregations in the order of their first documents. */
export function runQuery(query: Query, documents: readonly JsonObject[]): JsonObject[] {
  const { where, select, top } = query;
  const chosen = documents.filter((document) => where === undefined || evaluate(where, document) === true);
  const rows = select === "*" ? chosen : project(query, select, chosen);
  return top === undefined ? rows : rows.slice(0, top);
}

/** What the x-ms-item-type header says of the rows. */
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
    // What is undefined makes a group of its own, apart from null.
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

/** Of numbers, or of texts when there are no numbers. */
function extreme(values: readonly Json[], before: <T extends number | string>(a: T, b: T) => boolean): Value {
  const numbers = values.filter((value) => typeof value === "number");
  const texts = values.filter((value) => typeof value === "string");
  const [number] = numbers.slice(0, 1);
  if (number !== undefined) return numbers.reduce((best, value) => (before(value, best) ? value : best), number);
  const [text] = texts.slice(0, 1);
  return text === undefined ? undefined : texts.reduce((best, value) => (before(value, best) ? value : best), text);
}
