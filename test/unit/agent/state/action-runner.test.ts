import { describe, expect, it } from "vitest";
import { ActionRunner } from "../../../../agent/state/action-runner.ts";
import { settle } from "../../../support/fake-time.ts";

/** An action runner whose actions are words, in which each ends when the test says so, or when it is aborted. */
function setup(): { actionRunner: ActionRunner<string>; log: string[]; finish: () => Promise<void> } {
  const log: string[] = [];
  let end: () => void = () => undefined;
  const actionRunner = new ActionRunner<string>(
    (word) => word,
    async (word, signal) => {
      log.push(`begin ${word}`);
      await new Promise<void>((resolve) => {
        end = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      log.push(`${signal.aborted ? "stop" : "end"} ${word}`);
    },
  );
  return { actionRunner, log, finish: async () => (end(), await settle()) };
}

describe("a actionRunner", () => {
  it("does what is wanted, once", async () => {
    const { actionRunner, log, finish } = setup();
    actionRunner.setWanted("a");
    actionRunner.setWanted("a");
    await finish();
    actionRunner.setWanted("a");
    expect(log).toStrictEqual(["begin a", "end a"]);
  });

  it("stops what is not wanted any more, and lets it end before the next begins", async () => {
    const { actionRunner, log, finish } = setup();
    actionRunner.setWanted("a");
    actionRunner.setWanted("b");
    await settle();
    await finish();
    expect(log).toStrictEqual(["begin a", "stop a", "begin b", "end b"]);
  });

  it("goes on with what was wanted while the last one ended by itself", async () => {
    const { actionRunner, log, finish } = setup();
    actionRunner.setWanted("a");
    await finish();
    actionRunner.setWanted("b");
    await finish();
    actionRunner.setWanted("a");
    await finish();
    expect(log).toStrictEqual(["begin a", "end a", "begin b", "end b", "begin a", "end a"]);
  });

  it("begins again what was stopped and is wanted again", async () => {
    const { actionRunner, log, finish } = setup();
    actionRunner.setWanted("a");
    actionRunner.setWanted(undefined);
    await settle();
    actionRunner.setWanted("a");
    await finish();
    expect(log).toStrictEqual(["begin a", "stop a", "begin a", "end a"]);
  });

  it("begins again what was stopped and is wanted again before it has ended", async () => {
    const { actionRunner, log, finish } = setup();
    actionRunner.setWanted("a");
    actionRunner.setWanted("b");
    actionRunner.setWanted("a");
    await settle();
    await finish();
    expect(log).toStrictEqual(["begin a", "stop a", "begin a", "end a"]);
  });

  it("begins nothing after it was stopped", async () => {
    const { actionRunner, log } = setup();
    actionRunner.setWanted("a");
    await actionRunner.stop();
    actionRunner.setWanted("b");
    await settle();
    expect(log).toStrictEqual(["begin a", "stop a"]);
  });
});
