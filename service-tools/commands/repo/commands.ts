import type { Command } from "commander";
import type { Context } from "../../context.ts";
import { addRepoInit } from "./init.ts";
import { addRepoList } from "./list.ts";
import { addRepoPublish } from "./publish.ts";
import { addRepoRefresh } from "./refresh.ts";
import { addRepoRetire } from "./retire.ts";
import { addRepoRevoke } from "./revoke.ts";
import { addRepoRotate } from "./rotate.ts";
import { addRepoVerify } from "./verify.ts";

/** `boardkeeper repo …` */
export function addRepoCommands(program: Command, context: Context): void {
  const repo = program.command("repo").description("sign images, and keep them in a repository that boards trust");
  addRepoInit(repo, context);
  addRepoPublish(repo, context);
  addRepoRetire(repo, context);
  addRepoRefresh(repo, context);
  addRepoList(repo, context);
  addRepoVerify(repo, context);
  addRepoRotate(repo, context);
  addRepoRevoke(repo, context);
}
