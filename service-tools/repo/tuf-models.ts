import { createRequire } from "node:module";
import type * as models from "@tufjs/models";

/*
 * TUF's models are loaded at their first use, and at once, because whoever reads metadata cannot wait in between: loaded with the
 * program, they would add an eighth to the start of every other command.
 */

type Models = typeof models;

const load = createRequire(import.meta.url);

/** The classes of TUF's metadata. */
export function tufModels(): Models {
  const loaded: Models = load("@tufjs/models");
  return loaded;
}
