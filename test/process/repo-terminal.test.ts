import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { endWithTest } from "../support/tool-process.ts";

it("a repository is made at a terminal, which shows the recovery key and never the passphrase", async () => {
  const home = await temporaryFolder();
  // script(1) of util-linux gives the command a terminal of its own.
  const command = `"${process.execPath}" dist/boardkeeper.js repo init "${join(home, "firmware")}"`;
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { PATH: process.env["PATH"], TERM: "xterm", BOARDKEEPER_HOME: home },
    detached: true,
  });
  endWithTest(-(child.pid ?? 0));
  let shown = "";
  const isAnswered = [false, false, false, false];
  const answers: readonly [RegExp, (match: RegExpExecArray) => string][] = [
    [/passphrase for the working key: /, () => "correct horse battery"],
    [/once more: /, () => "correct horse battery"],
    [/ {4}(\S{34})\r\n {4}\S{34}\r\n[^]*First line: {2}/, ([, line = ""]) => line],
    [/ {4}\S{34}\r\n {4}(\S{34})\r\n[^]*Second line: /, ([, line = ""]) => line.toLowerCase().replaceAll("-", " ")],
  ];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    const next = isAnswered.indexOf(false);
    const [question, answer] = answers[next] ?? [];
    const match = question?.exec(shown);
    if (!match || answer === undefined) return;
    isAnswered[next] = true;
    child.stdin.write(`${answer(match)}\r`);
  });
  expect(await once(child, "close")).toStrictEqual([0, null]);
  expect(shown).toContain("fingerprint");
  expect(shown).not.toContain("horse");
});
