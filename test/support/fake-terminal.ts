import type { Terminal } from "../../agent/cli/command-context.ts";

/**
 * Collects what is written. `typed` is the secret that the user enters, `input` what is piped in, and `answer` what the user says to a
 * question: undefined where there is no terminal.
 */
export class FakeTerminal implements Terminal {
  env: Record<string, string> = {};
  result = "";
  notes = "";
  typed = "";
  input = "";
  answer: string | undefined;
  asked = "";

  out = (text: string): void => void (this.result += text);
  note = (text: string): void => void (this.notes += text);
  readInput = (): Promise<string> => Promise.resolve(this.input);
  ask = (question: string): Promise<string | undefined> => {
    if (this.answer !== undefined) this.asked += question;
    return Promise.resolve(this.answer);
  };
  readSecret = (): Promise<string> => Promise.resolve(this.typed);
}
