import type { Json } from "../../agent/contract/json.ts";
import type { Format } from "../cli/output.ts";
import type { Screen } from "../cli/screen/screen.ts";

/** Prints the one result of a command: a JSON document for programs, or the text for people. */
export function printResult(out: Screen, format: Format, result: { readonly json: Json; readonly text: string }): void {
  out.write(format === "json" ? jsonDocument(result.json) : result.text);
}

export function jsonDocument(value: Json): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
