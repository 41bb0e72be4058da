import * as v from "valibot";
import { errorMessage } from "../../lib/errors.ts";
import { probeFolder, probeProgram } from "../../board/probes/storage.ts";
import { type User, outputAsUser } from "../../board/probes/user.ts";
import { check } from "../../contract/check.ts";
import type { FolderFacts } from "./storage.ts";
import { CommandFailed } from "../commands/terminal.ts";

const patienceMs = 30_000;
/** Set for the process that looks with other rights than root's: what to look at, as JSON. */
const variable = "BOARDKEEPER_LOOK_AT";

const nullableText = v.nullable(v.string());

const questions = v.object({
  /** Whose rights these are, for the words of the findings. */
  user: v.string(),
  /** Folders in which something is to be written. */
  folders: v.array(v.string()),
  /** Programs that are to be run: absolute paths, or names to be found in the search path. */
  programs: v.array(v.string()),
  searchPath: v.string(),
});
export type AccessQuestions = Readonly<v.InferOutput<typeof questions>>;

/** What comes back from a process with other rights. */
const seen = v.object({
  folders: v.array(v.object({ code: nullableText, exists: v.boolean() })),
  programs: v.array(nullableText),
});

/** In the order of the questions. */
export interface AccessAnswers {
  readonly folders: readonly FolderFacts[];
  readonly programs: readonly (string | null)[];
}

/**
 * Looks with the rights that another user has on files: what root may do says nothing about a service that is not root. In a
 * process of its own, because Node.js 20 changes no user while io_uring may be in use (CVE-2024-22017). Where this process is
 * not root, it looks as itself.
 */
export async function checkAccessAs(user: User, asked: AccessQuestions): Promise<AccessAnswers> {
  if (process.geteuid?.() !== 0 || user.uid === 0) return await checkAccess(asked);
  const looking = [process.execPath, ...process.execArgv, process.argv[1] ?? "", "doctor"];
  const env = { PATH: process.env["PATH"], [variable]: JSON.stringify(asked) };
  try {
    return parseAnswers(JSON.parse(await outputAsUser(user, looking, { env, timeoutMs: patienceMs })), asked);
  } catch (cause) {
    const why = errorMessage(cause);
    throw new CommandFailed(`Nobody can look with the rights of ${user.name}, as the service has them: ${why}`, {
      cause,
    });
  }
}

/**
 * What another process has seen, about what it was asked and nothing else: whoever has that user's rights may speak in its place,
 * and root acts on what is said of a path.
 */
export function parseAnswers(said: unknown, { user, folders, programs }: AccessQuestions): AccessAnswers {
  const read = check(seen, said);
  if (!read.ok) throw new Error(read.problems.join("; "));
  if (read.value.folders.length !== folders.length || read.value.programs.length !== programs.length)
    throw new Error("it did not answer what it was asked");
  return {
    folders: read.value.folders.map(({ code, exists }, at) => ({ path: folders[at] ?? "", user, code, exists })),
    programs: read.value.programs,
  };
}

/** What this process was started to look at, if it was; its answers, as JSON. */
export async function answerAccessQuestions(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const text = env[variable];
  if (text === undefined) return undefined;
  const asked = check(questions, JSON.parse(text));
  if (!asked.ok) throw new Error(asked.problems.join("; "));
  return JSON.stringify(await checkAccess(asked.value));
}

async function checkAccess({ user, folders, programs, searchPath }: AccessQuestions): Promise<AccessAnswers> {
  return {
    folders: await Promise.all(folders.map((path) => probeFolder(path, user))),
    programs: await Promise.all(programs.map((program) => probeProgram(program, searchPath))),
  };
}
