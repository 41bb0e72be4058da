import { onOneLine } from "../../contract/safe-text.ts";

/** Where a command is typed: what it may read and write. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  out(text: string): void;
  /** Everything said beside them. */
  note(text: string): void;
  /** Asks a person for one line without showing it, or takes all of standard input where nobody sits there. */
  readSecret(prompt: string): Promise<string>;
}

/** A command that could not be carried out, for a reason that the person can do something about. The message says what. */
export class CommandFailed extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandFailed";
  }
}

/** Names and values below each other, without those that have none. */
export function formatRows(rows: readonly (readonly [name: string, value: string | null])[]): string {
  const told = rows.filter((row): row is readonly [string, string] => row[1] !== null);
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, value]) => `${name.padEnd(width)}  ${onOneLine(value)}\n`).join("");
}
