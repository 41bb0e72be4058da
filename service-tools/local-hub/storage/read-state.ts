import { readFile } from "node:fs/promises";
import * as v from "valibot";

/** A file of the hub that cannot be understood. The hub does not start over it: what it holds would be lost. */
export class CorruptStateFile extends Error {
  readonly path: string;

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(
      `The local hub cannot read ${path}: ${why}. ` +
        "Put back a good copy of this file, or move it away to lose what it holds, and start the hub again.",
      options,
    );
    this.name = "CorruptState";
    this.path = path;
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** What a state file holds, checked against its schema, or undefined when there is no such file. */
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
