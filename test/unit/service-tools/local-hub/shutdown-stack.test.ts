import { describe, expect, it } from "vitest";
import { ShutdownStack } from "../../../../service-tools/local-hub/shutdown-stack.ts";

describe("the end of a hub", () => {
  it("undoes in the reverse order, one after the other, and once", async () => {
    const done: string[] = [];
    const shutdown = new ShutdownStack();
    for (const name of ["lock", "files", "servers"]) {
      shutdown.add(async () => {
        done.push(`${name} begins`);
        await Promise.resolve();
        done.push(`${name} ends`);
      });
    }
    await Promise.all([shutdown.run(), shutdown.run()]);
    await shutdown.run();
    expect(done).toEqual(["servers begins", "servers ends", "files begins", "files ends", "lock begins", "lock ends"]);
  });

  it("continues when a step fails, and throws its error", async () => {
    const done: string[] = [];
    const shutdown = new ShutdownStack();
    shutdown.add(async () => void done.push("lock"));
    shutdown.add(() => Promise.reject(new Error("the disk is full")));
    await expect(shutdown.run()).rejects.toThrow("the disk is full");
    expect(done).toEqual(["lock"]);
  });

  it("throws all errors when several steps fail", async () => {
    const shutdown = new ShutdownStack();
    shutdown.add(() => Promise.reject(new Error("one")));
    shutdown.add(() => Promise.reject(new Error("two")));
    await expect(shutdown.run()).rejects.toMatchObject({
      message: "The local hub did not stop cleanly.",
      errors: [{ message: "two" }, { message: "one" }],
    });
  });
});
