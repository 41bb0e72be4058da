import type { Terminal } from "../../agent/cli/command-context.ts";

/** A terminal that remembers what was written, in front of which somebody types one secret. */
export class FakeTerminal implements Terminal {
  env: Record<string, string> = {};
  result = "";
  notes = "";
  typed = "";

  out = (text: string): void => void (this.result += text);
  note = (text: string): void => void (this.notes += text);
  readSecret = (): Promise<string> => Promise.resolve(this.typed);
}
