import { appendFile, chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { findOwnersProgram } from "../../../../agent/install-helper/owners-program.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

interface Paths {
  readonly folder: string;
  readonly permission: string;
  readonly program: string;
}

async function setup(): Promise<Paths> {
  const folder = await temporaryFolder();
  const [permission, program] = [join(folder, "permission"), join(folder, "installer")];
  await writeFile(program, "#!/bin/sh\n");
  await chmod(program, 0o755);
  await writeFile(permission, `${program}\n`);
  await chmod(permission, 0o644);
  return { folder, permission, program };
}

const owners = [0, process.geteuid?.() ?? 0];

it("finds the program that the owner names", async () => {
  const { permission, program } = await setup();
  expect(await findOwnersProgram(permission, owners)).toEqual({ program });
});

it.each<[string, (paths: Paths) => Promise<unknown>, string]>([
  ["no word of the owner's", ({ permission }) => rm(permission), "allows root to run no installer"],
  [
    "a word that others could have written",
    ({ permission }) => chmod(permission, 0o666),
    "others than root may write to",
  ],
  [
    "a link",
    ({ permission, folder }) => rename(permission, join(folder, "p")).then(() => symlink("p", permission)),
    "is a link",
  ],
  ["a program's name without a path", ({ permission }) => writeFile(permission, "installer\n"), "absolute path"],
  ["more than one line", ({ permission }) => appendFile(permission, "/bin/sh\n"), "one line"],
  ["a folder for a file", ({ permission }) => rm(permission).then(() => mkdir(permission)), "cannot be read"],
  ["a program that is not there", ({ program }) => rm(program), "cannot be examined"],
  ["a program that cannot be run", ({ program }) => chmod(program, 0o644), "no program that can be run"],
  ["a folder for a program", ({ permission, folder }) => writeFile(permission, folder), "no program that can be run"],
  ["a program that its group may change", ({ program }) => chmod(program, 0o775), "others than root may write to"],
  ["a program that anybody may change", ({ program }) => chmod(program, 0o757), "others than root may write to"],
  [
    "a program in a folder that anybody may change",
    ({ folder }) => chmod(folder, 0o777),
    "others than root may write to",
  ],
  [
    "a program behind a link",
    async ({ permission, folder }) => {
      await symlink(folder, join(folder, "way"));
      await writeFile(permission, `${folder}/way/installer`);
    },
    "way is a link",
  ],
])("finds none with %s", async (_what, change, why) => {
  const paths = await setup();
  await change(paths);
  expect(await findOwnersProgram(paths.permission, owners)).toEqual({ refusal: expect.stringContaining(why) });
});
