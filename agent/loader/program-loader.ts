import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { errorMessage } from "../lib/errors.ts";
import { compile, readCache, type CacheProblem, type CompiledSource } from "./code-cache.ts";

/** A source of the program that was loaded, in the order of loading. */
export interface LoadedSource extends CompiledSource {
  readonly path: string;
  readonly source: Buffer;
}

export interface ProgramOptions {
  /** The file that Node.js was started with; `import.meta.url` of all sources. */
  readonly entry: string;
  /** Where the code cache lies; there need be none. */
  readonly cacheFolder: string;
  /** Told of each source that is loaded. */
  readonly onLoaded?: (loaded: LoadedSource) => void;
  /** Gives Node's own modules. */
  readonly requireBuiltin?: (id: string) => unknown;
}

/** What scripts/build puts around each source. */
type Wrapper = (exports: object, require: (id: string) => unknown, module: { exports: object }, url: string) => void;

/**
 * Loads the sources that scripts/build has made: CommonJS, each within a function, because Node.js takes a code cache for
 * nothing else (docs/decisions/018).
 */
export class ProgramLoader {
  readonly #options: ProgramOptions;
  readonly #url: string;
  readonly #requireBuiltin: (id: string) => unknown;
  readonly #hasCache: boolean;
  readonly #modules = new Map<string, { exports: object }>();

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#url = pathToFileURL(options.entry).href;
    this.#requireBuiltin = options.requireBuiltin ?? createRequire(options.entry);
    this.#hasCache = isFolder(options.cacheFolder);
  }

  /** The exports of a source, which runs once. Throws what reading, compiling and running it throw; the next call tries it again. */
  load(path: string): object {
    const known = this.#modules.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    this.#modules.set(path, module); // Before it runs: sources may import each other.
    try {
      this.#run(path, module);
    } catch (cause) {
      this.#modules.delete(path);
      throw cause;
    }
    return module.exports;
  }

  #run(path: string, module: { exports: object }): void {
    const folder = dirname(path);
    // All sources lie in one folder. Not by join(): called so often at once, it gets V8's optimizing compiler to start, which takes 3.4 MiB.
    const require = (id: string): unknown =>
      id.startsWith("./") ? this.load(`${folder}${id.slice(1)}`) : this.#requireBuiltin(id);
    const run: Wrapper = this.#compile(path).runInThisContext();
    run(module.exports, require, module, this.#url);
  }

  #compile(path: string): CompiledSource["script"] {
    const { source, uid } = readSource(path);
    const none: CacheProblem = { problem: "absent" };
    const compiled = compile(path, source, this.#hasCache ? readCache(this.#options.cacheFolder, source, uid) : none);
    this.#options.onLoaded?.({ ...compiled, path, source });
    return compiled.script;
  }
}

function readSource(path: string): { readonly source: Buffer; readonly uid: number } {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    return { source: readFileSync(file), uid: fstatSync(file).uid };
  } catch (cause) {
    const advice = "Check the disk, then install the agent's package again.";
    throw new Error(`A part of the agent cannot be read: ${errorMessage(cause)}. ${advice}`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Whatever is wrong with the folder of the cache, the program starts without a cache; doctor says what it is. */
function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
