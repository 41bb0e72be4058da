import type { AgentState } from "../../agent/operations/agent-state.ts";
import { contentOf, type DiskState } from "./disk-state.ts";
import { stateFile } from "./folders.ts";
import { distinctCuts } from "./state-key.ts";

const parsed = new Map<string, AgentState>();
const known = new WeakMap<DiskState, readonly AgentState[]>();

/** Every state that would be read back after a power cut now. */
export function savedIn(disk: DiskState): readonly AgentState[] {
  const before = known.get(disk);
  if (before !== undefined) return before;
  const contents = new Set(distinctCuts(disk).map((one) => contentOf(one, stateFile)));
  const states = [...contents].flatMap((content) => (content === undefined ? [] : [savedFrom(content)]));
  known.set(disk, states);
  return states;
}

function savedFrom(content: string): AgentState {
  const before = parsed.get(content);
  if (before !== undefined) return before;
  const { saved } = JSON.parse(content) as { saved: AgentState };
  parsed.set(content, saved);
  return saved;
}
