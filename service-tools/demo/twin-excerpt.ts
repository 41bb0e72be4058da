import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";

/** The places of a twin worth seeing: our own words, and those of the tutorials that other services look for. */
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

/** What two twins say at those places, side by side. */
export function twinExcerpt(before: JsonObject, after: JsonObject): readonly ExcerptRow[] {
  return paths.map((path) => {
    const [was, is] = [reportedAt(before, path), reportedAt(after, path)];
    return { path, before: brief(was), after: brief(is), hasChanged: was !== is };
  });
}

function reportedAt(twin: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = twin;
  for (const key of ["properties", "reported", ...path.split(".")])
    value = isJsonObject(value) ? value[key] : undefined;
  return value;
}

/** A boot id is told by its beginning: two of them must fit beside each other. */
function brief(value: Json | undefined): string {
  if (value === undefined) return "-";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text) ? `${text.slice(0, 8)}…` : text;
}
