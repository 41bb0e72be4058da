// Prints the licences of all packages that esbuild has put into bundles: node notices.mjs META.json...
// Their makers ask that these go wherever their code goes.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const inputs = process.argv.slice(2).flatMap((file) => Object.keys(JSON.parse(readFileSync(file, "utf8")).inputs));
const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []));
for (const folder of [...folders].sort((one, other) => (one < other ? -1 : 1))) {
  const { name, version, license, licenses } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  // Old packages have a list.
  const kind = license?.type ?? license ?? licenses?.map(({ type }) => type).join(", ");
  if (typeof kind !== "string") throw new Error(`${folder}/package.json does not say its licence.`);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const text = files.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
  process.stdout.write(
    `${name} ${version} (${kind})\n\n${text || "(The package has no other text about it.)"}\n\n${"-".repeat(78)}\n\n`,
  );
}
