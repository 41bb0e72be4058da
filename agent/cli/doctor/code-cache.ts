import type { CodeCacheFacts } from "../../board/probes/facts.ts";
import { findings, type Finding } from "./finding.ts";

const codeCache = findings("code cache");

/** @param node the path of the Node.js that runs the agent */
export function checkCodeCache(
  { folder, accepted, bytes, others, problem, maker }: CodeCacheFacts,
  node: string,
): Finding {
  // env -i: with the NODE_OPTIONS of whoever runs it, V8 would make what it refuses in the service.
  const make = `Make it with: sudo env -i ${node} ${maker}`;
  switch (problem?.problem) {
    case "damaged":
      return codeCache.warning(
        `${problem.file} is damaged and not used: the agent starts without it, more slowly`,
        `${make}. If it happens again, the disk is wearing out`,
      );
    case "untrusted":
      return codeCache.warning(
        `${problem.file} is not used: it must belong to root or the program's owner, and nobody else may write to it`,
        `Find out who has changed that. ${make}`,
      );
    case "unreadable":
      return codeCache.warning(`${problem.file} cannot be read (${problem.detail ?? "cause unknown"})`, make);
    case "refused":
      return codeCache.ok(`not used: it was made by another Node.js, or by one with other flags`, make);
    case "absent": // Gone since its folder was read.
    case undefined:
  }
  if (accepted > 0) return codeCache.ok(`used: ${accepted} files, ${Math.round(bytes / 1_024)} KiB in ${folder}`);
  if (others > 0) return codeCache.ok(`not used: the cache in ${folder} belongs to another release`, make);
  return codeCache.ok(`not used: there is none in ${folder}, so the agent starts more slowly`, make);
}
