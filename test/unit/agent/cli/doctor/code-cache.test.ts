import { expect, it } from "vitest";
import type { CodeCacheFacts } from "../../../../../agent/board/probes/facts.ts";
import { checkCodeCache } from "../../../../../agent/cli/doctor/code-cache.ts";
import { describeFinding } from "../../../../support/findings.ts";

const folder = "/usr/lib/boardkeeper/code-cache";
const maker = "/usr/lib/boardkeeper/make-code-cache.cjs";
const facts: CodeCacheFacts = { folder, accepted: 18, bytes: 1_262_592, others: 0, problem: undefined, maker };
const none = { ...facts, accepted: 0, bytes: 0 };
const file = `${folder}/1.cache`;
const make = "Make it with: sudo env -i /usr/bin/node /usr/lib/boardkeeper/make-code-cache.cjs";

it.each<[CodeCacheFacts, string, string | undefined]>([
  [facts, `ok: used: 18 files, 1233 KiB in ${folder}`, undefined],
  [none, `ok: not used: there is none in ${folder}, so the agent starts more slowly`, make],
  [{ ...none, others: 18 }, `ok: not used: the cache in ${folder} belongs to another release`, make],
  [{ ...none, problem: { problem: "absent", file } }, `ok: not used: there is none in ${folder}`, make],
  [
    { ...none, problem: { problem: "refused", file } },
    "ok: not used: it was made by another Node.js, or by one with other flags",
    make,
  ],
  [
    { ...facts, problem: { problem: "damaged", file } },
    `warning: ${file} is damaged and not used: the agent starts without it, more slowly`,
    `${make}. If it happens again, the disk is wearing out`,
  ],
  [
    { ...facts, problem: { problem: "untrusted", file } },
    `warning: ${file} is not used: it must belong to root or the program's owner, and nobody else may write to it`,
    `Find out who has changed that. ${make}`,
  ],
  [
    { ...facts, problem: { problem: "unreadable", detail: "EIO", file } },
    `warning: ${file} cannot be read (EIO)`,
    make,
  ],
])("%j", (found, expected, advice) => {
  const finding = checkCodeCache(found, "/usr/bin/node");
  expect(describeFinding(finding)).toContain(expected);
  expect(finding.advice).toBe(advice);
});
