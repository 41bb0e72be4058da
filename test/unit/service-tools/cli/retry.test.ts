import { describe, expect, it } from "vitest";
import { HubBusy, HubUnreachable, TimedOut, UnknownDevice } from "../../../../service-tools/cli/errors.ts";
import { poll, retryRead } from "../../../../service-tools/cli/retry.ts";
import { FakeContext } from "../../../support/fake-context.ts";

const away = new HubUnreachable("The hub is away.", { mayHaveArrived: false });

/** A read that fails with these errors first, then succeeds. */
function failing(...errors: Error[]): () => Promise<string> {
  return () => {
    const error = errors.shift();
    return error === undefined ? Promise.resolve("read") : Promise.reject(error);
  };
}

describe("polling", () => {
  it("reads at each interval, and a last time at the limit", async () => {
    const context = new FakeContext();
    const startMs = context.timer.nowMs();
    const atMs: number[] = [];
    const polling = (async () => {
      for await (const result of poll(failing(), {
        timer: context.timer,
        interrupted: context.interrupted,
        intervalMs: 1_000,
        limitMs: 2_500,
      })) {
        atMs.push(result.ok ? context.timer.nowMs() - startMs : -1);
      }
    })();
    await context.time.advance(10_000);
    await polling;
    expect(atMs).toEqual([0, 1_000, 2_000, 2_500]);
  });
});

describe("a read that is retried", () => {
  it.each([away, new HubBusy("Slow down."), new TimedOut("No answer.")])(
    "succeeds once %s is over, which is said once",
    async (error) => {
      const context = new FakeContext();
      const reading = retryRead(failing(error, error), {
        timer: context.timer,
        interrupted: context.interrupted,
        err: context.err,
        intervalMs: 1_000,
      });
      await context.time.advance(5_000);
      expect(await reading).toBe("read");
      expect(context.err.text).toBe(`${error.message} Trying again for 15 s.\n`);
    },
  );

  it("fails with the last error after 15 s", async () => {
    const context = new FakeContext();
    const failed = retryRead(() => Promise.reject(away), {
      timer: context.timer,
      interrupted: context.interrupted,
      err: context.err,
      intervalMs: 1_000,
    }).catch((cause: unknown) => cause);
    await context.time.advance(15_000);
    expect(await failed).toBe(away);
  });

  it("fails at once with an error that does not pass", async () => {
    const unknown = new UnknownDevice("No such board.");
    const context = new FakeContext();
    await expect(
      retryRead(failing(unknown), {
        timer: context.timer,
        interrupted: context.interrupted,
        err: context.err,
        intervalMs: 1_000,
      }),
    ).rejects.toBe(unknown);
  });

  it("ends at Ctrl-C", async () => {
    const context = new FakeContext();
    const failed = retryRead(failing(away), {
      timer: context.timer,
      interrupted: context.interrupted,
      err: context.err,
      intervalMs: 1_000,
    }).catch((cause: unknown) => cause);
    await context.time.advance(500);
    context.ctrlC();
    expect(await failed).toMatchObject({ exitCode: 130 });
  });
});
