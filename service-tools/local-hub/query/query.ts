import type { Json } from "../lib/json.ts";

/** A parsed query of IoT Hub's SQL-like language: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language. */
export interface Query {
  readonly top: number | undefined;
  readonly select: "*" | readonly Projection[];
  readonly from: CollectionName;
  readonly where: Expression | undefined;
  readonly groupBy: readonly Path[];
}

export const collectionNames = ["devices", "devices.modules", "devices.jobs"] as const;
export type CollectionName = (typeof collectionNames)[number];

export type AggregateName = "COUNT" | "AVG" | "SUM" | "MIN" | "MAX";

export type Projection =
  | { readonly kind: "value"; readonly path: Path; readonly name: string }
  | {
      readonly kind: "aggregate";
      readonly aggregate: AggregateName;
      readonly path: Path | undefined;
      readonly name: string;
    };

/** Where a value is in a document, in the documents' spelling. */
export interface Path {
  readonly kind: "path";
  readonly segments: readonly string[];
}

export type BinaryOperator = "AND" | "OR" | "=" | "!=" | "<" | ">" | "<=" | ">=" | "+" | "-" | "*" | "/" | "%";

export type Expression =
  | Path
  | { readonly kind: "constant"; readonly value: Json | undefined }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "negative"; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "in";
      readonly negated: boolean;
      readonly value: Expression;
      readonly options: readonly Expression[];
    }
  | { readonly kind: "call"; readonly name: string; readonly operands: readonly Expression[] };

/**
 * The names at the root of a twin. A query may write them in any case (`SELECT DeviceId, LastActivityTime …` returns
 * `deviceId` and `lastActivityTime`, query-twins). Names of tags and properties are case-sensitive.
 */
const rootNames = [
  "deviceId",
  "moduleId",
  "etag",
  "deviceEtag",
  "status",
  "statusReason",
  "statusUpdateTime",
  "connectionState",
  "lastActivityTime",
  "cloudToDeviceMessageCount",
  "authenticationType",
  "x509Thumbprint",
  "modelId",
  "version",
  "tags",
  "properties",
  "capabilities",
];

/** The path as written in a query, without a leading collection name and in the documents' spelling. */
export function resolvePath(path: readonly string[], from: CollectionName): Path {
  const segments = withoutCollection(path, from);
  const [root = "", section, ...rest] = segments;
  const canonicalRoot = spelledAs(rootNames, root);
  if (section === undefined) return { kind: "path", segments: [canonicalRoot] };
  const canonicalSection = canonicalRoot === "properties" ? spelledAs(["desired", "reported"], section) : section;
  return { kind: "path", segments: [canonicalRoot, canonicalSection, ...rest] };
}

function withoutCollection(path: readonly string[], from: CollectionName): readonly string[] {
  const { length } = from.split(".");
  const named = path.slice(0, length).join(".").toLowerCase() === from;
  return named && path.length > length ? path.slice(length) : path;
}

function spelledAs(names: readonly string[], name: string): string {
  return names.find((one) => one.toLowerCase() === name.toLowerCase()) ?? name;
}
