import type { TargetFile, Targets } from "@tufjs/models";
import { check, isIntegerBetween } from "../contract/check.ts";
import { largestImageBytes } from "../contract/methods.ts";
import { isTargetPath, maxTargetsPerRole, signedTargetSchema } from "../contract/signed-target.ts";
import { invalid, tooLarge, type MetadataFile } from "./metadata-file.ts";
import type { SignedTarget } from "./ports.ts";

/**
 * The images that a board's role lists. A target outside `BOARD/` is not one of its own, and left out as TUF has it. A target that
 * is malformed makes the role unusable; one whose installer or options this agent does not know is there, and is refused when
 * somebody asks for it.
 * @throws AgentError `metadata-invalid`, `metadata-too-large`
 */
export function targetsOf(board: string, { name, signed }: MetadataFile<Targets>): SignedTarget[] {
  const listed = Object.entries(signed.targets);
  if (listed.length > maxTargetsPerRole) {
    throw tooLarge(name, `${listed.length} images; a board reads at most ${maxTargetsPerRole}`);
  }
  const own = listed.filter(([path]) => path.startsWith(`${board}/`));
  return own.map(([path, file]) => readTarget(board, name, path, file));
}

function readTarget(board: string, name: string, path: string, { length, hashes, custom }: TargetFile): SignedTarget {
  const sha256 = Object.hasOwn(hashes, "sha256") ? hashes["sha256"] : undefined;
  const what = `its image ${JSON.stringify(path).slice(0, 120)}`;
  if (!isTargetPath(board, path)) throw invalid(name, `${what} has a name that no file should have`);
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) throw invalid(name, `${what} has no SHA-256`);
  if (!isIntegerBetween(1, largestImageBytes)(length)) throw invalid(name, `${what} has no size that is allowed`);
  const checked = check(signedTargetSchema, custom);
  if (!checked.ok) throw invalid(name, `${what} is not described as it must be: ${checked.problems.join("; ")}`);
  return { ...checked.value, path, sha256, sizeBytes: length };
}
