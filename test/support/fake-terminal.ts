import type { Terminal } from "../../agent/cli/command-context.ts";

/** Collects what is written. `typed` is the secret that the user enters. */
export class FakeTerminal implements Terminal {
  env: Record<string, string> = {};
  result = "";
  notes = "";
  typed = "";

  out = (text: string): void => void (this.result += text);
  note = (text: string): void => void (this.notes += text);
  readSecret = (): Promise<string> => Promise.resolve(this.typed);
}
