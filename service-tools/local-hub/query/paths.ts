import type { CollectionName, Path } from "./query.ts";

/**
 * The names at the root of a twin, which a query may write in any case (`SELECT DeviceId, LastActivityTime …` answers
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

/** The path that a query wrote, without the collection's name in front of it and in the documents' own spelling. */
export function resolvePath(written: readonly string[], from: CollectionName): Path {
  const segments = withoutCollection(written, from);
  const [root = "", section, ...rest] = segments;
  const canonicalRoot = spelledAs(rootNames, root);
  if (section === undefined) return { kind: "path", segments: [canonicalRoot] };
  const canonicalSection = canonicalRoot === "properties" ? spelledAs(["desired", "reported"], section) : section;
  return { kind: "path", segments: [canonicalRoot, canonicalSection, ...rest] };
}

function withoutCollection(written: readonly string[], from: CollectionName): readonly string[] {
  const { length } = from.split(".");
  const named = written.slice(0, length).join(".").toLowerCase() === from;
  return named && written.length > length ? written.slice(length) : written;
}

function spelledAs(names: readonly string[], written: string): string {
  return names.find((name) => name.toLowerCase() === written.toLowerCase()) ?? written;
}
