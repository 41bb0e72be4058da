import { describeFileError } from "../lib/file-errors.ts";
import { readRegularFile } from "../lib/regular-file.ts";

/**
 * The PEM of the authorities that a setting names; undefined where it names no file.
 * @param problems gets what is wrong with the file
 */
export async function readCa(
  name: string,
  path: string | null | undefined,
  problems: string[],
): Promise<string | undefined> {
  if (!path) return undefined;
  try {
    const pem = await readRegularFile(path);
    if (!pem.includes("-----BEGIN CERTIFICATE-----")) problems.push(`${name}: ${path} is not a PEM certificate`);
    return pem;
  } catch (cause) {
    problems.push(`${name}: ${describeFileError(cause, path)}`);
    return undefined;
  }
}
