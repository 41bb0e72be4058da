import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";

/** Reported properties to show: our own, and those of the tutorials, which other services may read. */
const paths = [
  "boardkeeper.agent.bootId",
  "boardkeeper.firmwareVersion",
  "boardkeeper.reboot.phase",
  "boardkeeper.update.phase",
  "rebootTime",
  "firmwareStatus",
  "iothubDM.firmwareUpdate.status",
  "firmware.currentFwVersion",
] as const;

export interface ExcerptRow {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly hasChanged: boolean;
}

/** The values at those paths in two twins. */
export function twinExcerpt(before: JsonObject, after: JsonObject): readonly ExcerptRow[] {
  return paths.map((path) => {
    const [was, is] = [reportedAt(before, path), reportedAt(after, path)];
    return { path, before: shorten(was), after: shorten(is), hasChanged: was !== is };
  });
}

function reportedAt(twin: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = twin;
  for (const key of ["properties", "reported", ...path.split(".")])
    value = isJsonObject(value) ? value[key] : undefined;
  return value;
}

/** Shortens boot ids, so that two of them fit side by side. */
function shorten(value: Json | undefined): string {
  if (value === undefined) return "-";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text) ? `${text.slice(0, 8)}…` : text;
}
