import { expect, it } from "vitest";
import { createLog } from "../../../../agent/lib/log.ts";
import { LogRingBuffer } from "../../../../agent/lib/log-ring-buffer.ts";

it("the last lines are kept, and no more of them than were bargained for", () => {
  const recent = new LogRingBuffer(1_000);
  for (let index = 0; index < 500; index += 1) recent.append(`{"index":${index}}\n`);
  const { lines } = recent.page({});
  expect(lines.at(-1)).toEqual({ index: 499 });
  expect(lines.length).toBeGreaterThan(50);
  expect(lines.map((line) => JSON.stringify(line).length + 1).reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(
    1_000,
  );
});

it("a log keeps what it writes, those of its parts included, and nothing that its level leaves out", () => {
  const log = createLog("info", { write: () => undefined });
  log.info({ password: "hidden" }, "one");
  log.child({ part: "link" }).warn({}, "two");
  log.debug({}, "never");
  expect(log.recent.page({}).lines).toMatchObject([
    { level: "info", msg: "one", password: "[secret]" },
    { level: "warn", part: "link", msg: "two" },
  ]);
});
