import type { Json } from "../lib/json.ts";

/** A query of IoT Hub's SQL-like language, understood: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language. */
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

/** Where a value lies in a document, names as the documents spell them. */
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
