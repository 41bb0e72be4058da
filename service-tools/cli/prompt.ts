import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Interrupted } from "./errors.ts";

/** Questions to the person at the terminal; a test has a fake. */
export interface Prompt {
  /** False where nobody can answer: in a pipeline, or with input from a file. */
  readonly isInteractive: boolean;
  /** Asks for one line. */
  line(question: string): Promise<string>;
  /** The same without showing what is typed. */
  secret(question: string): Promise<string>;
}

/** Asks on standard error, so that standard output holds the result alone. @throws Interrupted at Ctrl-C */
export function terminalPrompt(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Prompt {
  const ask = async (question: string, isShown: boolean): Promise<string> => {
    const hidden = new Writable({ write: (_text, _encoding, done) => done() });
    const lines = createInterface({ input, output: isShown ? output : hidden, terminal: true, historySize: 0 });
    try {
      // Only now: the terminal shows what is typed until the interface is there.
      if (isShown) lines.setPrompt(question);
      if (isShown) lines.prompt();
      else output.write(question);
      return await new Promise<string>((resolve, reject) => {
        lines.once("line", resolve);
        lines.once("SIGINT", () => reject(new Interrupted("Interrupted.")));
        lines.once("close", () => resolve(""));
      });
    } finally {
      lines.close();
      if (!isShown) output.write("\n");
    }
  };
  return {
    get isInteractive() {
      return input.isTTY && output.isTTY;
    },
    line: (question) => ask(question, true),
    secret: (question) => ask(question, false),
  };
}
