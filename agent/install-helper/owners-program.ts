import { constants } from "node:fs";
import { access, lstat } from "node:fs/promises";
import { errorMessage, isAbsent } from "../lib/errors.ts";
import { readRegularFile } from "../lib/regular-file.ts";
import { weakness } from "../board/trust/root-owned.ts";

/** The program that the owner allows root to run; or why there is none, in sentences. */
export type OwnersProgram = { readonly program: string } | { readonly refusal: string };

/**
 * Finds the program that the owner of this board names in a file. File, program and all folders above them must belong to root, be
 * writable by nobody else, and be no links.
 * @param permission the path of that file: /etc/boardkeeper/installer
 * @param owners whose files count, beside root's: those of the user of this process
 */
export async function findOwnersProgram(permission: string, owners: readonly number[]): Promise<OwnersProgram> {
  try {
    await lstat(permission);
  } catch (cause) {
    const remedy = `Write the path of its program into ${permission}, as root.`;
    if (isAbsent(cause)) return { refusal: `The owner of this board allows root to run no installer. ${remedy}` };
    return { refusal: `${permission} cannot be examined: ${errorMessage(cause)}.` };
  }
  const weak = await weakness(permission, owners);
  if (weak !== undefined)
    return { refusal: `${weak}, so ${permission} may not be written by this board's owner. Correct that, as root.` };
  let text: string;
  try {
    text = await readRegularFile(permission, 4_096);
  } catch (cause) {
    return { refusal: `${permission} cannot be read: ${errorMessage(cause)}.` };
  }
  const [, program] = /^(\/[^\p{Cc}]+)\n?$/u.exec(text) ?? [];
  if (program === undefined)
    return { refusal: `${permission} does not hold one line with the absolute path of a program.` };
  const weakProgram = await weakness(program, owners);
  if (weakProgram !== undefined) {
    const what = `so root does not run ${program}, which ${permission} names`;
    return { refusal: `${weakProgram}, ${what}. Correct that, as root.` };
  }
  if (await isProgram(program)) return { program };
  return { refusal: `${program}, which ${permission} names, is no program that can be run: chmod 755 ${program}` };
}

async function isProgram(path: string): Promise<boolean> {
  if (!(await lstat(path)).isFile()) return false;
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
