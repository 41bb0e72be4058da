import { expect, it } from "vitest";
import { AgentError } from "../../../agent/lib/errors.ts";
import { EndRun } from "../../support/ends.ts";
import { digest } from "../../support/updates.ts";

/* An update that is declared again under its operation id, by `boardkeeper` at a board in memory. */

const declare = `update -d board-1 --uri https://images.example/board.img --sha256 ${digest} --version 2.0.0 --operation-id op-1 --desired --wait`;

async function started(): Promise<EndRun> {
  const run = new EndRun();
  await run.board.powerOn();
  await run.pass(1);
  return run;
}

/** What the last command has said, and its exit code. */
async function said(run: EndRun): Promise<readonly string[]> {
  const rows = await run.rows();
  return ["`boardkeeper`", "Exit code"].map((name) => rows.find(([row]) => row === name)?.[1] ?? "");
}

it("at a new address after a fetch that failed is followed to its new end", async () => {
  const run = await started();
  run.board.fetchFailure = new AgentError("http-status", "The server answered with status 403.");
  await run.operator(declare);
  expect(await said(run)).toStrictEqual([expect.stringContaining("403"), "1"]);
  run.board.fetchFailure = undefined;
  await run.operator(declare.replace("board.img", "board.img?signature=new"));
  expect(await said(run)).toStrictEqual([expect.stringContaining("runs 2.0.0, proven healthy"), "0"]);
});

it("after it was withdrawn is followed to its new end", async () => {
  const run = await started();
  await run.operator(`${declare} --apply manual`, (passedMs) => {
    if (passedMs === 60_000) run.hub.setDesired({ firmware: null });
  });
  expect(await said(run)).toStrictEqual([expect.stringContaining("withdrawn"), "1"]);
  await run.operator(declare);
  expect(await said(run)).toStrictEqual([expect.stringContaining("runs 2.0.0, proven healthy"), "0"]);
});

it("unchanged after it failed ends as it had ended, and says how to try again", async () => {
  const run = await started();
  run.board.fetchFailure = new AgentError("http-status", "The server answered with status 403.");
  await run.operator(declare);
  run.board.fetchFailure = undefined;
  await run.operator(declare);
  expect(await said(run)).toStrictEqual([expect.stringContaining("does not start again"), "1"]);
});

it("by a method call after it failed is followed to its new end", async () => {
  const run = await started();
  run.board.fetchFailure = new AgentError("http-status", "The server answered with status 403.");
  await run.operator(declare);
  run.board.fetchFailure = undefined;
  await run.operator(declare.replace(" --desired", ""));
  expect(await said(run)).toStrictEqual([expect.stringContaining("runs 2.0.0, proven healthy"), "0"]);
});

it("with another image after it was done is refused, and is no success", async () => {
  const run = await started();
  await run.operator(declare);
  await run.operator(declare.replace(digest, "b".repeat(64)));
  expect(await said(run)).toStrictEqual([expect.stringContaining("operation-id-in-use"), "6"]);
});
