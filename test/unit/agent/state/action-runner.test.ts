import { describe, expect, it } from "vitest";
import { Pursuit } from "../../../../agent/state/action-runner.ts";
import { settle } from "../../../support/fake-time.ts";

/** A pursuit of words, in which each ends when the test says so, or when it is told to stop. */
function scene(): { pursuit: Pursuit<string>; log: string[]; finish: () => Promise<void> } {
  const log: string[] = [];
  let end: () => void = () => undefined;
  const pursuit = new Pursuit<string>(
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
  return { pursuit, log, finish: async () => (end(), await settle()) };
}

describe("a pursuit", () => {
  it("does what is wanted, once", async () => {
    const { pursuit, log, finish } = scene();
    pursuit.want("a");
    pursuit.want("a");
    await finish();
    pursuit.want("a");
    expect(log).toStrictEqual(["begin a", "end a"]);
  });

  it("stops what is not wanted any more, and lets it end before the next begins", async () => {
    const { pursuit, log, finish } = scene();
    pursuit.want("a");
    pursuit.want("b");
    await settle();
    await finish();
    expect(log).toStrictEqual(["begin a", "stop a", "begin b", "end b"]);
  });

  it("goes on with what was wanted while the last one ended by itself", async () => {
    const { pursuit, log, finish } = scene();
    pursuit.want("a");
    await finish();
    pursuit.want("b");
    await finish();
    pursuit.want("a");
    await finish();
    expect(log).toStrictEqual(["begin a", "end a", "begin b", "end b", "begin a", "end a"]);
  });

  it("begins again what was stopped and is wanted again", async () => {
    const { pursuit, log, finish } = scene();
    pursuit.want("a");
    pursuit.want(undefined);
    await settle();
    pursuit.want("a");
    await finish();
    expect(log).toStrictEqual(["begin a", "stop a", "begin a", "end a"]);
  });

  it("begins again what was stopped and is wanted again before it has ended", async () => {
    const { pursuit, log, finish } = scene();
    pursuit.want("a");
    pursuit.want("b");
    pursuit.want("a");
    await settle();
    await finish();
    expect(log).toStrictEqual(["begin a", "stop a", "begin a", "end a"]);
  });

  it("begins nothing after it was stopped", async () => {
    const { pursuit, log } = scene();
    pursuit.want("a");
    await pursuit.stop();
    pursuit.want("b");
    await settle();
    expect(log).toStrictEqual(["begin a", "stop a"]);
  });
});
