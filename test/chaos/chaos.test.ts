import { execFile } from "node:child_process";
import { expect, it } from "vitest";

it("a short run with random faults ends with every operation done once, and right twins", async () => {
  const { status, said } = await new Promise<{ status: number | null; said: string }>((resolve) => {
    const child = execFile(
      "bash",
      ["scripts/chaos", "0.25", "--seed", "1"],
      { env: { ...process.env, BUILT: "1" } },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, said: stdout + stderr }),
    );
  });
  expect(said).toContain("every operation has one end, and the twins are right");
  expect(said).toMatch(/operations +[1-9]\d* granted/);
  expect(status).toBe(0);
});
