import * as v from "valibot";
import { outputAsUser } from "../../board/probes/user.ts";
import type { FolderFacts } from "../../board/probes/facts.ts";
import { probeProgram } from "../../board/probes/storage.ts";
import { probeFolder } from "../../board/probes/storage.ts";
import type { User } from "../../board/probes/user.ts";
import { check } from "../../contract/check.ts";
import { errorMessage } from "../../lib/errors.ts";
import { CommandFailed } from "../command-context.ts";

const timeoutMs = 30_000;
/** Set for the child that probes with another user's rights: its questions, as JSON. */
const variable = "BOARDKEEPER_ACCESS_QUESTIONS";

const nullableText = v.nullable(v.string());

const questionsSchema = v.object({
  /** The name of the user whose rights are tried, for the findings. */
  user: v.string(),
  /** Folders in which files will be written. */
  folders: v.array(v.string()),
  /** Programs that will be run: absolute paths, or names to be found in the search path. */
  programs: v.array(v.string()),
  searchPath: v.string(),
});
export type AccessQuestions = Readonly<v.InferOutput<typeof questionsSchema>>;

/** What the child answers. */
const answersSchema = v.object({
  folders: v.array(v.object({ code: nullableText, exists: v.boolean() })),
  programs: v.array(nullableText),
});

/** In the order of the questions; for each program null, or Node's code for why it cannot be run. */
export interface AccessAnswers {
  readonly folders: readonly FolderFacts[];
  readonly programs: readonly (string | null)[];
}

/**
 * Probes folders and programs with the rights of a user: what root may do says nothing about a service that is not root. Runs a
 * child process, because Node.js 20 does not change its user while io_uring may be in use (CVE-2024-22017). Where this process
 * is not root, it probes with its own rights.
 */
export async function checkAccessAs(user: User, questions: AccessQuestions): Promise<AccessAnswers> {
  if (process.geteuid?.() !== 0 || user.uid === 0) return await checkAccess(questions);
  const command = [process.execPath, ...process.execArgv, process.argv[1] ?? "", "doctor"];
  const env = { PATH: process.env["PATH"], [variable]: JSON.stringify(questions) };
  try {
    return parseAnswers(JSON.parse(await outputAsUser(user, command, { env, timeoutMs })), questions);
  } catch (cause) {
    throw new CommandFailed(
      `The rights of ${user.name}, the service's user, could not be checked: ${errorMessage(cause)}`,
      { cause },
    );
  }
}

/**
 * The child's answers to the questions, and nothing else: whoever has that user's rights may answer in the child's place, and root
 * acts on the paths, so they are taken from the questions.
 * @throws Error where the answers do not fit the questions
 */
export function parseAnswers(answers: unknown, { user, folders, programs }: AccessQuestions): AccessAnswers {
  const read = check(answersSchema, answers);
  if (!read.ok) throw new Error(read.problems.join("; "));
  if (read.value.folders.length !== folders.length || read.value.programs.length !== programs.length)
    throw new Error("the answers do not fit the questions");
  return {
    folders: read.value.folders.map(({ code, exists }, at) => ({ path: folders[at] ?? "", user, code, exists })),
    programs: read.value.programs,
  };
}

/** In the child: answers the questions in its environment, as JSON; undefined where there are none. */
export async function answerAccessQuestions(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const text = env[variable];
  if (text === undefined) return undefined;
  const questions = check(questionsSchema, JSON.parse(text));
  if (!questions.ok) throw new Error(questions.problems.join("; "));
  return JSON.stringify(await checkAccess(questions.value));
}

async function checkAccess({ user, folders, programs, searchPath }: AccessQuestions): Promise<AccessAnswers> {
  return {
    folders: await Promise.all(folders.map((path) => probeFolder(path, user))),
    programs: await Promise.all(programs.map((program) => probeProgram(program, searchPath))),
  };
}
