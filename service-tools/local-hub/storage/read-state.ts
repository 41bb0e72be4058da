import { readFile } from "node:fs/promises";
import * as v from "valibot";

/** A file of the hub is corrupt. The hub does not start and does not overwrite it: its content would be lost. */
export class CorruptStateFile extends Error {
  readonly path: string;

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(
      `The local hub cannot read ${path}: ${why}. ` +
        "Restore a good copy of this file, or move it away (its content is lost), and start the hub again.",
      options,
    );
    this.name = "CorruptStateFile";
    this.path = path;
  }
}

/** The text of a file, or undefined when it does not exist. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The content of a state file, checked against its schema, or undefined when the file does not exist. */
export async function readStateFile<T>(path: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CorruptStateFile(path, "it is not JSON", { cause: error });
  }
  const checked = v.safeParse(schema, value);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  throw new CorruptStateFile(path, `at '${v.getDotPath(issue) ?? "its root"}': ${issue.message}`);
}
