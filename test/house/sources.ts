import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/* What the guards of this folder read: the TypeScript files of the project, and who imports whom. */

/** The TypeScript files below these folders, by their paths from the project's root; without the stubs of packages. */
export function filesIn(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)))
    .filter((path) => path.endsWith(".ts") && !path.startsWith("agent/stubs/"))
    .sort();
}

export interface Import {
  readonly from: string;
  /** A file of the project by its path, or a package by its name. */
  readonly to: string;
}

/** Every import and re-export of these files, also of types alone, and each `import()` and `require()`. */
export function importsOf(files: readonly string[]): Import[] {
  return files.flatMap((from) => {
    const source = readFileSync(from, "utf8");
    const named = source.matchAll(/(?:^|\n)\s*(?:import|export)\s[^"';]*?from\s+"([^"]+)"/g);
    const bare = source.matchAll(/(?:^|\n)\s*import\s+"([^"]+)"/g);
    const dynamic = source.matchAll(/\b(?:import|require)\(\s*"([^"]+)"/g);
    return [...named, ...bare, ...dynamic].map(([, specifier = ""]) => ({
      from,
      to: specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : packageOf(specifier),
    }));
  });
}

function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
