import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import type * as refresh from "../../agent/trust/refresh.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { newRecord, TufRepository, wallClock } from "../support/tuf-repository.ts";

/** What esbuild writes about the files of the agent's bundle. */
interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly inputs: Readonly<Record<string, unknown>>;
        readonly imports: readonly { readonly path: string; readonly kind: string }[];
      }
    >
  >;
}

/** The stand-ins of the agent's bundle, as scripts/build names them. */
function standIns(): Record<string, string> {
  const names = [...readFileSync("scripts/build", "utf8").matchAll(/--alias:([\w-]+)=([\w./:-]+)/g)];
  return Object.fromEntries(
    names.map(([, name = "", path = ""]) => [name, path.startsWith(".") ? join(process.cwd(), path) : path]),
  );
}

describe("the verifier in the bundle of the agent", () => {
  const isOfVerifier = (input: string): boolean =>
    /^agent\/trust\/|node_modules\/(@tufjs|minimatch|brace-expansion|balanced-match)\/|stubs\/bundle\/minimatch/.test(
      input,
    );

  it("verifies as its sources do, with the stand-ins, and is at most 65 KB of it, minified", async () => {
    const outfile = `${await temporaryFolder()}/verifier.mjs`;
    const { metafile } = await build({
      stdin: {
        contents: ["refresh", "trusted-metadata", "select-target", "trust-root"]
          .map((name) => `export * from "./agent/trust/${name}.ts";`)
          .join("\n"),
        resolveDir: process.cwd(),
      },
      bundle: true,
      minify: true,
      platform: "node",
      target: "node20",
      format: "esm",
      alias: standIns(),
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      metafile: true,
      outfile,
    });
    const [output] = Object.values(metafile.outputs);
    const share = Object.entries(output?.inputs ?? {}).filter(([input]) => isOfVerifier(input));
    const bytes = share.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
    expect(share.map(([input]) => input)).toContain("agent/trust/refresh.ts");
    expect(bytes).toBeLessThan(65_000);

    const { refreshMetadata } = (await import(pathToFileURL(outfile).href)) as typeof refresh;
    const repository = new TufRepository();
    const request = { record: newRecord, clock: wallClock(), boards: ["acme,gateway"], refuseStale: false };
    expect(await refreshMetadata({ ...request, stored: repository.seed(), source: repository })).toMatchObject({
      ok: true,
      trusted: { targets: [{ version: "1.0.0" }] },
    });
  });

  it("is loaded later, if at all: what an agent loads at its start has none of it but how a target is chosen", async () => {
    const { outputs } = JSON.parse(await readFile("dist/boardkeeper-agent.json", "utf8")) as Metafile;
    const outputWith = (source: string): string =>
      Object.keys(outputs).find((name) => outputs[name]?.inputs[source] !== undefined) ?? "";
    const loadedWith = (name: string, kinds: readonly string[], seen = new Set<string>()): Set<string> => {
      if (seen.has(name)) return seen;
      seen.add(name);
      for (const { path, kind } of outputs[name]?.imports ?? [])
        if (kinds.includes(kind)) loadedWith(path, kinds, seen);
      return seen;
    };
    const inputsOf = (names: Iterable<string>): string[] =>
      [...names].flatMap((name) => Object.keys(outputs[name]?.inputs ?? {})).filter(isOfVerifier);
    const atStart = new Set<string>();
    for (const source of ["agent/main.ts", "agent/create-agent.ts", "agent/adapters.ts"])
      loadedWith(outputWith(source), ["import-statement"], atStart);
    expect(atStart.size).toBeGreaterThan(3);
    expect(inputsOf(atStart)).toStrictEqual(["agent/trust/select-target.ts"]);
    expect(inputsOf(loadedWith(outputWith("agent/main.ts"), ["import-statement", "dynamic-import"]))).toContain(
      "agent/trust/refresh.ts",
    );
  });
});
