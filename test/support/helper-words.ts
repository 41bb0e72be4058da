import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import type { StagedImage } from "../../agent/update/ports.ts";

/* Protocol 2 with root's install helper, word by word: what an agent says that somebody has taken over. */

export type NamedImage = Omit<StagedImage, "path">;

export function hello(installer = "command"): string {
  return `{"hello":2,"agent":"1.0.0","installer":"${installer}"}\n`;
}

export function line(verb: string, image?: NamedImage & { readonly path?: string }, more: object = {}): string {
  const { path: _path, ...named } = image ?? {};
  return `${JSON.stringify({ id: 1, verb, limitMs: 60_000, ...(image === undefined ? {} : { image: named }), ...more })}\n`;
}

/** A line that announces metadata files, and their bytes. */
export function metadata(files: Iterable<readonly [name: string, bytes: Uint8Array]>): Buffer {
  const all = [...files];
  const announced = all.map(([name, { length }]) => ({ name, bytes: length }));
  return Buffer.concat([Buffer.from(`${JSON.stringify({ metadata: announced })}\n`), ...all.map(([, bytes]) => bytes)]);
}

export interface Speaker {
  readonly socket: Socket;
  /** Says this, and returns the next line of the helper; "closed" where none comes. */
  readonly ask: (words: string | Uint8Array) => Promise<unknown>;
}

/** Speaks with a helper, answer by answer. */
export function speak({ socket }: { readonly socket: string }): Speaker {
  const connection = connect(socket);
  onTestFinished(() => void connection.destroy());
  const lines = createInterface({ input: connection })[Symbol.asyncIterator]();
  const ask = async (words: string | Uint8Array): Promise<unknown> => {
    connection.write(words);
    const { value, done } = await lines.next();
    return done === true ? "closed" : JSON.parse(value);
  };
  return { socket: connection, ask };
}
